"""The hazard of ending by age, from a life table of what has ended and what still runs. Pure.

Kaplan and Meier 1958, in the actuarial form: completions are deaths, tasks that still run are
censored at their age, which stands for half of its bucket at risk.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul
from typing import Final

#: Ages at which the hazard may change, in seconds: 0, then from 0.1 s to 12 h (SQS's longest
#: visibility timeout) by a factor of 1.3.
EDGES: Final = (0.0, *(0.1 * 1.3**power for power in range(50)))
_LAST: Final = len(EDGES) - 1
_WIDTHS: Final = (*(b - a for a, b in pairwise(EDGES)), EDGES[-1] * 0.3)
#: A bucket nobody has been seen in has the hazard of its age's inverse, with this much weight.
_PRIOR: Final = 0.1
_PRIOR_RISKS: Final = tuple(1.5 * _PRIOR * (a + w / 2) for a, w in zip(EDGES, _WIDTHS, strict=True))


def bucket_of(age: float) -> int:
    """Return which bucket an age is in, in seconds: the last edge that is not above it."""
    return bisect_right(EDGES, age) - 1


@dataclass(frozen=True, slots=True)
class Hazards:
    """The hazard at each age, per second; times are in seconds."""

    rates: Sequence[float]
    """By bucket."""
    cumulated: Sequence[float]
    """What a task has lived through that reaches each edge."""

    def until(self, age: float) -> float:
        """Return the hazard a task has lived through by that age."""
        at = bisect_right(EDGES, age) - 1
        return self.cumulated[at] + self.rates[at] * (age - EDGES[at])

    def left(self, age: float, factor: float) -> float:
        """Return how much longer a task of that age runs, on average, at so many times the hazard.

        A task that reaches the last edge is given as long again as nobody has been seen to run.
        """
        at = bisect_right(EDGES, age) - 1
        left, survives, begins = 0.0, 1.0, age
        while at < _LAST and survives > 0.02:
            width = EDGES[at + 1] - begins
            hazard = factor * self.rates[at]
            dies = 1.0 - math.exp(-hazard * width)
            left += survives * dies / hazard
            survives *= 1.0 - dies
            at += 1
            begins = EDGES[at]
        return left + survives * begins * 0.3

    def mean(self) -> float:
        """Return how long a task runs, on average."""
        left, survives = 0.0, 1.0
        for hazard, width in zip(self.rates, _WIDTHS, strict=True):
            dies = 1.0 - math.exp(-hazard * width)
            left += survives * dies / hazard
            survives *= 1.0 - dies
            if survives < 1e-3:
                break
        return left


def hazards_of(ended: Sequence[float], running: Sequence[float]) -> Hazards:
    """Return deaths over time at risk, smoothed: each bucket with half of either neighbour.

    Both say how many tasks by bucket, of the age at which they ended or at which they are.
    """
    at_risk = []
    older = 0.0
    for width, died, lives in zip(_WIDTHS[::-1], ended[::-1], running[::-1], strict=True):
        here = died + lives
        at_risk.append(width * (older + here / 2))
        older += here
    at_risk.reverse()
    rates = [
        (died + died_before / 2 + died_after / 2 + _PRIOR)
        / (exposed + exposed_before / 2 + exposed_after / 2 + prior)
        for died, died_before, died_after, exposed, exposed_before, exposed_after, prior in zip(
            ended,
            (0.0, *ended[:-1]),
            (*ended[1:], 0.0),
            at_risk,
            (0.0, *at_risk[:-1]),
            (*at_risk[1:], 0.0),
            _PRIOR_RISKS,
            strict=True,
        )
    ]
    return Hazards(rates, [*accumulate(map(mul, rates[:-1], _WIDTHS), initial=0.0)])
