"""What to expect of the tasks that run and of those that will: when they end, how many begin.

Tasks that arrive together are often of one kind, so those that started together share a frailty: a
gamma-distributed factor on the hazard, whose posterior mean is `(a + deaths) / (a + cumulative
hazard)` (Clayton 1978).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import mul
from typing import Final

from ops.scaling.hazards import Hazards

#: Tasks that started within so many seconds of each other count as having started together.
TOGETHER_SECONDS: Final = 120.0
#: How much the groups before and after one say of it.
NEAR: Final = ((0, 1.0), *((side * far, 0.5**far) for far in (1, 2, 3, 4) for side in (-1, 1)))
#: How strongly a group of tasks is taken to be like all others: so many tasks' worth.
_FRAILTY: Final = 2.0
_GRID: Final = 16

#: Running tasks by the minute in which they started: `{start // TOGETHER_SECONDS: how many}`.
Running = Mapping[int, float]


def group_of(started_at: float) -> int:
    """Return the group of tasks that started when this one did."""
    return int(started_at // TOGETHER_SECONDS)


def middle_age(group: int, now: float) -> float:
    """Return the age of a task that started in the middle of its group's time, in seconds."""
    return max(0.0, now - (group + 0.5) * TOGETHER_SECONDS)


@dataclass(slots=True)
class Outlook:
    """What to expect of a queue's tasks, as of one moment. Times in seconds."""

    now: float
    hazards: Hazards
    running: Running
    groups: Mapping[int, tuple[float, float]]
    """By group: what has ended of it, and the cumulative hazard that it lived through."""
    seen: int
    """Completions it rests on."""
    ages: Mapping[int, float] = field(default_factory=dict)
    """Of each group's running tasks, on average."""
    _factors: dict[int, float] = field(default_factory=dict)
    _shapes: dict[int, float] = field(default_factory=dict)
    _told: dict[int, tuple[float, float]] = field(default_factory=dict)
    _renewals: tuple[float, list[float]] | None = None
    _mean: float | None = None

    def age(self, group: int) -> float:
        """Return how long a group's running tasks have run, on average."""
        known = self.ages.get(group)
        return middle_age(group, self.now) if known is None else known

    def factor(self, group: int) -> float:
        """Return how much faster than usual the tasks of a group end; 1 is as usual."""
        known = self._factors.get(group)
        if known is not None:
            return known
        deaths = lived = 0.0
        for distance, weight in NEAR:
            died, lived_through = self._tells(group + distance)
            deaths += weight * died
            lived += weight * lived_through
        factor = (_FRAILTY + deaths) / (_FRAILTY + lived)
        self._factors[group] = factor
        self._shapes[group] = _FRAILTY + deaths
        return factor

    def _tells(self, group: int) -> tuple[float, float]:
        """Return a group's deaths, and the hazard that all of it has lived through."""
        known = self._told.get(group)
        if known is None:
            known = self.groups.get(group, (0.0, 0.0))
            tasks = self.running.get(group, 0.0)
            if tasks:
                died, lived = known
                known = died, lived + tasks * self.hazards.until(self.age(group))
            self._told[group] = known
        return known

    def ends_within(self, group: int, seconds: float) -> tuple[float, float]:
        """Return the chance that a running task of this group ends within so many seconds, and its
        standard deviation: how well the group's factor is known by what has ended of it.
        """
        age, until = self.age(group), self.hazards.until
        ahead = self.factor(group) * (until(age + seconds) - until(age))
        stays = math.exp(-ahead)
        # The factor's posterior is a gamma distribution of shape a + deaths: its relative deviation
        # is one over the root of that. To first order the chance moves by `stays * ahead` of it.
        return 1.0 - stays, stays * ahead / math.sqrt(self._shapes[group])

    def ends_in(self, group: int) -> float:
        """Return in how many seconds a running task of this group ends, on average."""
        return self.hazards.left(self.age(group), self.factor(group))

    def mean(self) -> float:
        """Return how long a task runs, on average."""
        if self._mean is None:
            self._mean = self.hazards.mean()
        return self._mean

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
        ended = [1.0 - math.exp(-self.hazards.until(step * at)) for at in range(_GRID + 1)]
        falls = [b - a for a, b in pairwise(ended)]
        grid = [0.0]
        for at in range(1, _GRID + 1):
            again = sum(map(mul, falls, grid[at - 1 : 0 : -1]))
            grid.append(ended[at] + again)
        return grid
