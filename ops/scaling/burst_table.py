"""A table of weights by growth: what a task met, how much serves a share, what share is served."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

# Three to an octave: an answer is within an eighth of the truth.
EDGES: Final = (0.0, *(float(n) for n in sorted({round(2 ** (k / 3)) for k in range(43)})))


def met(kept: tuple[float, ...], growth: float, arrivals: float, worth: float) -> tuple[float, ...]:
    """Add tasks, of which the last met the whole growth and each before it one less."""
    weights = list(kept)
    low, high = growth - arrivals, max(0.0, growth)
    if low < 0:
        weights[0] += worth * min(arrivals, -low)
        low = 0.0
    place = bisect_right(EDGES, low)
    while low < high and place < len(EDGES):
        upto = EDGES[place] if EDGES[place] < high else high
        weights[place] += worth * (upto - low)
        low, place = upto, place + 1
    if low < high:
        weights[-1] += worth * (high - low)
    return tuple(weights)


def needed(kept: tuple[float, ...], quantile: float) -> float:
    """Return the growth that a share of the tasks did not exceed; the last edge where none is."""
    wanted = quantile * sum(kept) - kept[0]
    reached = 0.0
    for place in range(1, len(EDGES)):
        if wanted <= 0:
            return reached
        weight = kept[place]
        if weight > 0:
            reached = EDGES[place]
            if wanted < weight:
                before = EDGES[place - 1]
                reached = before + wanted / weight * (reached - before)
            wanted -= weight
    # What is left without anything beyond the edges is what the sums were rounded by.
    return EDGES[-1] if kept[-1] > 0 else reached


def served(kept: tuple[float, ...], slots: float) -> float:
    """Return the share of the tasks that met no more growth than there were slots."""
    place = bisect_left(EDGES, slots)
    found = sum(kept[: min(place, len(EDGES))])
    if place == 0:
        found = kept[0]
    elif place < len(EDGES):
        step = EDGES[place] - EDGES[place - 1]
        found += kept[place] * (slots - EDGES[place - 1]) / step
    return found / sum(kept)
