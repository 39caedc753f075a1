"""How long a queue's tasks run: what is remembered of completions, old ones forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ops.scaling.hazards import EDGES, bucket_of, hazards_of
from ops.scaling.outlook import Outlook, Running, group_of, middle_age

#: Completions after which an old one counts for about a third.
_MEMORY: Final = 1000
#: Fewer completions than this say too little to count on anybody's end.
ENOUGH: Final = 20
_GROUPS_KEPT: Final = 120
_PENDING_AT_MOST: Final = 256


@dataclass(slots=True)
class Durations:
    """What is remembered of a queue's run times; small, and JSON by `to_data`."""

    counts: list[float] = field(default_factory=lambda: [0.0] * len(EDGES))
    """Completions by age, old ones forgotten."""
    total: int = 0
    """Completions ever."""
    seconds: float = 0.0
    """How long a task ran, on average; old ones forgotten."""
    groups: dict[int, tuple[float, float]] = field(default_factory=dict)
    """By group: its completions, and the cumulative hazard that they lived through."""
    _pending: list[tuple[int, float, float]] = field(default_factory=list)

    def add(self, completions: Iterable[tuple[float, float]], weight: float = 1.0) -> None:
        """Learn from completions, `(ended_at, seconds)` each.

        `weight` is how many each stands for, where only some of them are told.
        """
        counts, total, mean = self.counts, self.total, self.seconds
        pending, share = self._pending, weight / _MEMORY
        fading = 1.0
        for ended_at, took in completions:
            seconds = took if took > 0 else 0.0  # a node's clock may have been set back meanwhile
            fading *= 1 + share
            counts[bucket_of(seconds)] += weight * fading
            total += 1
            part = 1.0 / total
            mean += (seconds - mean) * (part if part > share else share)
            pending.append((group_of(ended_at - seconds), seconds, weight))
        self.total, self.seconds = total, mean
        if fading > 1.0:
            self.counts = [count / fading for count in counts]
        del pending[:-_PENDING_AT_MOST]

    def outlook(
        self, now: float, running: Running, ages: Mapping[int, float] | None = None
    ) -> Outlook:
        """Return what to expect of tasks that run, and of those that will.

        `ages` are those of each group's running tasks, on average, in seconds; a group without one
        is as old as the middle of the time in which its tasks started.
        """
        running_by_age = [0.0] * len(EDGES)
        known = ages or {}
        for group, tasks in running.items():
            age = known[group] if group in known else middle_age(group, now)
            running_by_age[bucket_of(age)] += tasks
        hazards = hazards_of(self.counts, running_by_age)
        outlook = Outlook(now, hazards, running, self.groups, self.total, known)
        self._settle(outlook)
        return outlook

    def _settle(self, outlook: Outlook) -> None:
        """Credit each group with the hazard that its newly finished tasks lived through."""
        groups, until = self.groups, outlook.hazards.until
        for group, seconds, weight in self._pending:
            deaths, lived = groups.get(group, (0.0, 0.0))
            groups[group] = (deaths + weight, lived + weight * until(seconds))
        self._pending.clear()
        if len(groups) > 2 * _GROUPS_KEPT:
            for group in sorted(groups)[: len(groups) - _GROUPS_KEPT]:
                del groups[group]

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "counts": [round(count, 3) for count in self.counts],
            "total": self.total,
            "seconds": round(self.seconds, 4),
            "groups": [[g, round(d, 2), round(lived, 3)] for g, (d, lived) in self.groups.items()],
            "pending": [[g, round(s, 3), round(w, 3)] for g, s, w in self._pending],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Durations:
        """Return what `to_data` told. Raises KeyError, TypeError or ValueError if it is none."""
        counts = [float(count) for count in data["counts"]]
        if len(counts) != len(EDGES):
            raise ValueError(f"counts: expected {len(EDGES)} numbers, got {len(counts)}")
        return cls(
            counts,
            int(data["total"]),
            float(data["seconds"]),
            {int(g): (float(d), float(lived)) for g, d, lived in data["groups"]},
            [(int(g), float(s), float(w)) for g, s, w in data["pending"]],
        )
