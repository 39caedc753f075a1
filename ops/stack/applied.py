"""What became of many stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.stack.changes import Ended


@dataclass(frozen=True, slots=True)
class Applied:
    """How the stacks ended, and those that were not begun because another failed."""

    ended: tuple[Ended, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether all did what they were to do."""
        return not self.left and all(one.well for one in self.ended)

    def then(self, later: Applied) -> Applied:
        """Return both."""
        return Applied((*self.ended, *later.ended), (*self.left, *later.left))

    def troubles(self) -> list[str]:
        """Return what failed, each with the event that caused it, and what was not begun."""
        failures = [f"{one.stack}: {one.failure}" for one in self.ended if not one.well]
        if self.left:
            failures.append(f"not begun: {', '.join(sorted(self.left))}")
        return failures
