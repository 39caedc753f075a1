"""Tasks at work at once, and the scale on which errors of any level are compared."""

from __future__ import annotations

import math
from typing import Final

from ops.scaling.forecast.models import Said
from ops.scaling.forecast.series import Series

# The usual shift of Anscombe's root, which makes errors of a Poisson count alike at every level.
_SHIFT: Final = 0.375
_NOTHING: Final = math.sqrt(_SHIFT)


def root(value: float) -> float:
    """Return the scale on which errors are compared and margins added."""
    return math.sqrt(value + _SHIFT)


def unroot(value: float) -> float:
    """Return the number of tasks at a point of the root's scale."""
    return value * value - _SHIFT if value > _NOTHING else 0.0


def most_at_work(said: Said, series: Series, origin: int, width: int) -> float | None:
    """Return the most tasks in any `width` buckets that end with one of those said."""
    if said is None:
        return None
    if width == 1:
        return max(said)
    peak = 0.0
    for step in range(len(said)):
        held = sum(said[max(0, step - width + 1) : step + 1])
        before = width - step - 1
        if before > 0:
            total, known = series.total(origin - before, origin)
            if 2 * known < before:
                return None
            held += total * before / known
        peak = max(peak, held)
    return peak


def as_now(series: Series, origin: int, width: int) -> float | None:
    """Return how many tasks came in the `width` buckets before `origin`, if half are known."""
    total, known = series.total(origin - width, origin)
    return total * width / known if 2 * known >= width else None


def at_work(series: Series, end: int, width: int) -> float | None:
    """Return how many tasks came in the `width` buckets before `end`, if all are known."""
    total, known = series.total(end - width, end)
    return total if known == width else None


def nearest_rank(ordered: list[float], quantile: float) -> float:
    """Return an empirical quantile of sorted values, the higher neighbour's where it is between."""
    return ordered[min(len(ordered) - 1, math.ceil(quantile * len(ordered)))]
