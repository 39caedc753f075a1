"""What waits, by task and by when it is due: counted from the table and from SQS's own counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.delays import LONGEST_DELAY_SECONDS

if TYPE_CHECKING:
    from worker.delays import Waiting

#: The columns: due within so many seconds, each without those before it.
WITHIN: Final[Mapping[str, float]] = {
    "past due": 0,
    "15 min": LONGEST_DELAY_SECONDS,
    "1 h": 3600,
    "6 h": 6 * 3600,
    "24 h": 24 * 3600,
    "later": float("inf"),
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """A queue's messages, as SQS approximates them."""

    visible: int
    hidden: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.hidden + self.delayed


@dataclass(frozen=True, slots=True)
class Delayed:
    """What waits in the delay queue.

    ``tasks`` counts by (task, queue) and column; ``unseen`` is what SQS has there beyond that: no
    forwarder has looked at it yet, or the table could not be written.
    """

    tasks: Mapping[tuple[str, str], Counter[str]]
    unseen: int

    def as_data(self, near: Mapping[str, int]) -> dict[str, object]:
        """Return it as JSON; ``near`` counts by queue what is delayed in its own queue already."""
        return {
            "tasks": [
                {
                    "task": task,
                    "queue": queue,
                    "due_within": {name: counts[name] for name in WITHIN},
                    "all": counts.total(),
                }
                for (task, queue), counts in self.tasks.items()
            ],
            "not_looked_at": self.unseen,
            "in_own_queue": dict(near),
        }


def column(due: float, now: float) -> str:
    """Return the column of a task that is due then; both in seconds since the epoch."""
    return next(name for name, seconds in WITHIN.items() if due - now <= seconds)


def delayed(items: Iterable[Waiting], backlog: Backlog, now: float) -> Delayed:
    """Count what waits; ``backlog`` is the delay queue's."""
    tasks: dict[tuple[str, str], Counter[str]] = {}
    seen = 0
    for item in items:
        seen += 1
        tasks.setdefault((item.task, item.queue), Counter())[column(item.due, now)] += 1
    return Delayed(dict(sorted(tasks.items())), max(0, backlog.total - seen))
