"""How long a queue's tasks run: a hazard by age, learnt from completions and from what runs.

The estimate is a life table (Kaplan and Meier 1958; actuarial form): completions are deaths, tasks
that still run are censored at their age. Old completions are forgotten. Tasks that arrive together
are often of one kind, so those that started together share a frailty: a gamma-distributed factor on
the hazard, whose posterior mean is `(a + deaths) / (a + cumulative hazard)` (Clayton 1978).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Final

#: Ages at which the hazard may change, in seconds: 0, then from 0.1 s to 12 h (SQS's longest
#: visibility timeout) by a factor of 1.3.
EDGES: Final = (0.0, *(0.1 * 1.3**power for power in range(50)))
_LAST: Final = len(EDGES) - 1
_WIDTHS: Final = (*(b - a for a, b in pairwise(EDGES)), EDGES[-1] * 0.3)
_MIDDLES: Final = tuple(a + w / 2 for a, w in zip(EDGES, _WIDTHS, strict=True))

#: Tasks that started within so many seconds of each other count as having started together.
TOGETHER_SECONDS: Final = 120.0
#: How much the groups before and after one say of it.
NEAR: Final = ((0, 1.0), *((side * far, 0.5**far) for far in (1, 2, 3, 4) for side in (-1, 1)))
#: Completions after which an old one counts for about a third.
_MEMORY: Final = 1000
#: How strongly a group of tasks is taken to be like all others: so many tasks' worth.
_FRAILTY: Final = 2.0
#: A bucket nobody has been seen in has the hazard of its age's inverse, with this much weight.
_PRIOR: Final = 0.1
#: Fewer completions than this say too little to count on anybody's end.
ENOUGH: Final = 20
_GROUPS_KEPT: Final = 120
_PENDING_AT_MOST: Final = 256

#: Running tasks by the minute in which they started: `{start // TOGETHER_SECONDS: how many}`.
Running = Mapping[int, float]


def group_of(started_at: float) -> int:
    """Return the group of tasks that started when this one did."""
    return int(started_at // TOGETHER_SECONDS)


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
        counts = self.counts
        fading = 1.0
        for ended_at, took in completions:
            seconds = max(0.0, took)  # a node's clock may have been set back meanwhile
            fading *= 1 + weight / _MEMORY
            counts[bisect_right(EDGES, seconds) - 1] += weight * fading
            self.total += 1
            self.seconds += (seconds - self.seconds) * max(weight / _MEMORY, 1.0 / self.total)
            self._pending.append((group_of(ended_at - seconds), seconds, weight))
        if fading > 1.0:
            self.counts = [count / fading for count in counts]
        del self._pending[:-_PENDING_AT_MOST]

    def outlook(
        self, now: float, running: Running, ages: Mapping[int, float] | None = None
    ) -> Outlook:
        """Return what to expect of tasks that run, and of those that will.

        `ages` are those of each group's running tasks, on average, in seconds; a group without one
        is as old as the middle of the time in which its tasks started.
        """
        censored = [0.0] * len(EDGES)
        known = ages or {}
        for group, tasks in running.items():
            age = known.get(group, _middle_age(group, now))
            censored[bisect_right(EDGES, age) - 1] += tasks
        hazards = _hazards(self.counts, censored)
        cumulated = tuple(
            accumulate(
                (h * w for h, w in zip(hazards[:-1], _WIDTHS, strict=False)),
                initial=0.0,
            )
        )
        outlook = Outlook(now, hazards, cumulated, running, self.groups, self.total, known)
        self._settle(outlook)
        return outlook

    def _settle(self, outlook: Outlook) -> None:
        """Credit each group with the hazard that its newly finished tasks lived through."""
        groups = self.groups
        for group, seconds, weight in self._pending:
            deaths, lived = groups.get(group, (0.0, 0.0))
            groups[group] = (deaths + weight, lived + weight * outlook.cumulative(seconds))
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


@dataclass(slots=True)
class Outlook:
    """What to expect of a queue's tasks, as of one moment. Times in seconds."""

    now: float
    hazards: tuple[float, ...]
    cumulated: tuple[float, ...]
    running: Running
    groups: Mapping[int, tuple[float, float]]
    seen: int
    """Completions it rests on."""
    ages: Mapping[int, float] = field(default_factory=dict)
    """Of each group's running tasks, on average."""
    _factors: dict[int, float] = field(default_factory=dict)
    _shapes: dict[int, float] = field(default_factory=dict)
    _renewals: tuple[float, list[float]] | None = None
    _mean: float | None = None

    def cumulative(self, age: float) -> float:
        """Return the hazard a task has lived through by that age."""
        at = bisect_right(EDGES, age) - 1
        return self.cumulated[at] + self.hazards[at] * (age - EDGES[at])

    def age(self, group: int) -> float:
        """Return how long a group's running tasks have run, on average."""
        known = self.ages.get(group)
        return _middle_age(group, self.now) if known is None else known

    def factor(self, group: int) -> float:
        """Return how much faster than usual the tasks of a group end; 1 is as usual."""
        known = self._factors.get(group)
        if known is not None:
            return known
        deaths = lived = 0.0
        for distance, weight in NEAR:
            neighbour = group + distance
            d, lived_through = self.groups.get(neighbour, (0.0, 0.0))
            tasks = self.running.get(neighbour, 0.0)
            if tasks:
                lived_through += tasks * self.cumulative(self.age(neighbour))
            deaths += weight * d
            lived += weight * lived_through
        factor = (_FRAILTY + deaths) / (_FRAILTY + lived)
        self._factors[group] = factor
        self._shapes[group] = _FRAILTY + deaths
        return factor

    def ends_within(self, group: int, seconds: float) -> tuple[float, float]:
        """Return the chance that a running task of this group ends within so many seconds, and its
        standard deviation: how well the group's factor is known by what has ended of it.
        """
        age = self.age(group)
        ahead = self.factor(group) * (self.cumulative(age + seconds) - self.cumulative(age))
        stays = math.exp(-ahead)
        # The factor's posterior is a gamma distribution of shape a + deaths: its relative deviation
        # is one over the root of that. To first order the chance moves by `stays * ahead` of it.
        return 1.0 - stays, stays * ahead / math.sqrt(self._shapes[group])

    def ends_in(self, group: int) -> float:
        """Return in how many seconds a running task of this group ends, on average."""
        age, factor = self.age(group), self.factor(group)
        at = bisect_right(EDGES, age) - 1
        left, survives, begins = 0.0, 1.0, age
        while at < _LAST and survives > 0.02:
            width = EDGES[at + 1] - begins
            hazard = factor * self.hazards[at]
            dies = 1.0 - math.exp(-hazard * width)
            left += survives * dies / hazard
            survives *= 1.0 - dies
            at += 1
            begins = EDGES[at]
        return left + survives * begins * 0.3

    def mean(self) -> float:
        """Return how long a task runs, on average."""
        if self._mean is None:
            self._mean = self._mean_of_all()
        return self._mean

    def _mean_of_all(self) -> float:
        left, survives = 0.0, 1.0
        for hazard, width in zip(self.hazards, _WIDTHS, strict=True):
            dies = 1.0 - math.exp(-hazard * width)
            left += survives * dies / hazard
            survives *= 1.0 - dies
            if survives < 1e-3:
                break
        return left

    def renewals(self, seconds: float, longest: float) -> float:
        """Return how many tasks a slot that is never idle begins within so many seconds, after one.

        The renewal equation `M(t) = F(t) + integral of M(t - x) dF(x)` on a grid up to `longest`,
        the same in every call; tasks much shorter than the grid count by their mean.
        """
        if seconds <= 0:
            return 0.0
        if self._renewals is None:
            self._renewals = (longest / _GRID, self._renewal_grid(longest / _GRID))
        step, grid = self._renewals
        at = min(seconds / step, _GRID)
        low = min(int(at), _GRID - 1)
        return grid[low] + (grid[low + 1] - grid[low]) * (at - low)

    def _renewal_grid(self, step: float) -> list[float]:
        mean = self.mean()
        if mean < step:
            return [step * at / mean for at in range(_GRID + 1)]
        ended = [1.0 - math.exp(-self.cumulative(step * at)) for at in range(_GRID + 1)]
        falls = [b - a for a, b in pairwise(ended)]
        grid = [0.0]
        for at in range(1, _GRID + 1):
            again = sum(fall * grid[at - 1 - back] for back, fall in enumerate(falls[: at - 1]))
            grid.append(ended[at] + again)
        return grid


_GRID: Final = 16


def _middle_age(group: int, now: float) -> float:
    return max(0.0, now - (group + 0.5) * TOGETHER_SECONDS)


def _hazards(counts: list[float], censored: list[float]) -> tuple[float, ...]:
    """Return the hazard of each age, per second: deaths over time at risk, smoothed."""
    exposure = [0.0] * len(EDGES)
    older = 0.0
    for at in range(_LAST, -1, -1):
        here = counts[at] + censored[at]
        exposure[at] = _WIDTHS[at] * (older + here / 2)
        older += here
    hazards = []
    for at, middle in enumerate(_MIDDLES):
        deaths, at_risk = counts[at], exposure[at]
        if at > 0:
            deaths += counts[at - 1] / 2
            at_risk += exposure[at - 1] / 2
        if at < _LAST:
            deaths += counts[at + 1] / 2
            at_risk += exposure[at + 1] / 2
        hazards.append((deaths + _PRIOR) / (at_risk + 1.5 * _PRIOR * middle))
    return tuple(hazards)
