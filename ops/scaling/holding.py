"""How long an idle node is held before it is ended: as long as holding has paid for this queue.

Ending a node that is wanted again soon costs a boot; holding one that is not costs the time held.
This is renting skis with the odds learnt: `gaps` counts how long after it fell idle a node would
have been of use. Holding for x saves `boot - gap` wherever the gap is at most x, and costs x
wherever it is longer; the best x is taken, and none where none saves. It never exceeds one boot,
beyond which holding costs more than launching anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: Gaps are told apart up to these, in seconds; the last bucket is "not wanted again".
GAPS: Final = (15.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0)
#: Gaps after which an old one counts for about a third.
_MEMORY: Final = 200
#: Fewer gaps than this say nothing.
_ENOUGH: Final = 10.0
_ENDED_AT_MOST: Final = 500


@dataclass(slots=True)
class Holding:
    """What is remembered of idle nodes. Times in epoch seconds."""

    idle: dict[str, float] = field(default_factory=dict)
    """Draining nodes that are idle, and since when."""
    ended: list[float] = field(default_factory=list)
    """When nodes fell idle that were ended since and may yet be missed, oldest first."""
    gaps: list[float] = field(default_factory=lambda: [0.0] * (len(GAPS) + 1))

    def see(self, idle: Sequence[str], now: float) -> None:
        """Take in which draining nodes are idle now, and forget those that nobody missed."""
        self.idle = {node: self.idle.get(node, now) for node in idle}
        while self.ended and (now - self.ended[0] > GAPS[-1] or len(self.ended) > _ENDED_AT_MOST):
            self.ended.pop(0)
            self._count(len(GAPS))

    def resumed(self, node: str, now: float) -> None:
        """A draining node is resumed: had it been idle, holding it was of use."""
        since = self.idle.pop(node, None)
        if since is not None:
            self._count(bisect_left(GAPS, now - since))

    def launched(self, nodes: int, now: float) -> None:
        """Nodes are launched: so many of those last ended would have been of use."""
        for _ in range(min(nodes, len(self.ended))):
            self._count(bisect_left(GAPS, now - self.ended.pop()))

    def end(self, node: str, now: float) -> None:
        """A node is ended."""
        self.ended.append(self.idle.pop(node, now))

    def seconds(self, boot_seconds: float) -> float:
        """Return how long an idle node is worth holding."""
        if sum(self.gaps) < _ENOUGH:
            return 0.0
        best, hold, saved = 0.0, 0.0, 0.0
        longer = sum(self.gaps)
        for at, longest in enumerate(GAPS):
            if longest > boot_seconds:
                break
            shortest = GAPS[at - 1] if at else 0.0
            saved += self.gaps[at] * (boot_seconds - (shortest + longest) / 2)
            longer -= self.gaps[at]
            if saved - longest * longer > best:
                best, hold = saved - longest * longer, longest
        return hold

    def _count(self, bucket: int) -> None:
        self.gaps = [count * (1 - 1 / _MEMORY) for count in self.gaps]
        self.gaps[bucket] += 1

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "idle": {node: round(at, 3) for node, at in self.idle.items()},
            "ended": [round(at, 3) for at in self.ended],
            "gaps": [round(count, 3) for count in self.gaps],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Holding:
        """Return what `to_data` told. Raises KeyError, TypeError or ValueError for other things."""
        gaps = [float(count) for count in data["gaps"]]
        if len(gaps) != len(GAPS) + 1:
            raise ValueError(f"gaps: expected {len(GAPS) + 1} numbers, got {len(gaps)}")
        return cls(
            {str(node): float(at) for node, at in data["idle"].items()},
            [float(at) for at in data["ended"]],
            gaps,
        )
