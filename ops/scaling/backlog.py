"""How long the waiting messages have waited: SQS tells how many there are, not how old each is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

#: More arrivals than these are not told apart: a day of ticks in which something came.
_BATCHES_AT_MOST: Final = 240
_UNKNOWN_AGE_SECONDS: Final = 3600.0


@dataclass(slots=True)
class Backlog:
    """Waiting messages in batches by the tick in which they came, oldest first.

    What starts is taken to be the oldest, as SQS mostly does. A batch's time is that of the tick
    before it was first counted, so an age is never guessed too low.
    """

    batches: deque[tuple[float, int]] = field(default_factory=deque)
    """When it came at the earliest, and how many of it still wait."""
    counted_at: float | None = None
    """The last tick that knew the count."""
    visible: int = 0
    """The count of that tick."""

    def count(self, now: float, visible: int, begun: int, came_at: float | None = None) -> int:
        """Take in a new count and how many tasks began since the last; return what arrived.

        `came_at` is when the oldest came, where that is known: it serves the first count, of which
        nothing else tells the age, so that without it what waits is taken to be an hour old.
        """
        since = self.counted_at
        if since is None:
            since = came_at if came_at is not None else now - _UNKNOWN_AGE_SECONDS
        arrived = max(0, visible - self.visible + begun)
        if arrived:
            self.batches.append((since, arrived))
        waiting = sum([size for _, size in self.batches])
        self._take(waiting - visible)
        if waiting < visible:
            self.batches.append((since, visible - waiting))
        while len(self.batches) > _BATCHES_AT_MOST:
            (at, size), (_, more) = self.batches.popleft(), self.batches.popleft()
            self.batches.appendleft((at, size + more))
        self.counted_at, self.visible = now, visible
        return arrived

    def at_least(self, oldest_at: float) -> None:
        """Take in that something waits that came as early as `oldest_at`."""
        if self.batches and self.batches[0][0] > oldest_at:
            at, size = self.batches.popleft()
            if size > 1:
                self.batches.appendleft((at, size - 1))
            self.batches.appendleft((oldest_at, 1))

    def oldest_at(self) -> float | None:
        """Return when the oldest came, or None if nothing waits."""
        return self.batches[0][0] if self.batches else None

    def waiting(self) -> Iterable[tuple[float, int]]:
        """Yield each batch's arrival and how many wait that came until then, oldest first."""
        waiting = 0
        for at, size in self.batches:
            waiting += size
            yield at, waiting

    def _take(self, tasks: int) -> None:
        while tasks > 0 and self.batches:
            at, size = self.batches.popleft()
            if size > tasks:
                self.batches.appendleft((at, size - tasks))
            tasks -= size

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "batches": [[round(at, 3), size] for at, size in self.batches],
            "counted_at": self.counted_at,
            "visible": self.visible,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Backlog:
        """Return what `to_data` told. Raises KeyError, TypeError or ValueError if it is none."""
        at = data["counted_at"]
        return cls(
            deque((float(a), int(size)) for a, size in data["batches"]),
            None if at is None else float(at),
            int(data["visible"]),
        )
