"""What a unit needs of its machine, and how those who wait for it are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop
    from ops.local.machine.units import Unit

#: Called with None once a unit is as it was asked to be, else with what went wrong.
Told = Callable[[str | None], None]


class Host(Protocol):
    """The machine, as a unit needs it."""

    @property
    def loop(self) -> Loop:
        """What calls back."""

    def load(self, name: str) -> Unit:
        """Return a unit as its files are now. Raises UnitError."""

    def launch(self, unit: Unit, extra: Mapping[str, str]) -> int:
        """Start a unit's main process with more variables. Raises UnitError, OSError."""

    def discard(self, unit: Unit) -> None:
        """Remove what a unit does not keep once it has ended."""

    def say(self, text: str) -> None:
        """Write a line into the machine's own log."""


def tell(told: list[Told], what: str | None) -> None:
    """Tell all of them, once."""
    waiting = told[:]
    told.clear()
    for each in waiting:
        each(what)
