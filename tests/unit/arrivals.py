"""Arrivals as queues have them, a count for every five minutes; the same seed, the same counts."""

from __future__ import annotations

import math
from random import Random

from ops.scaling.forecast import BUCKET_SECONDS, KEPT_BUCKETS, History, from_counts

DAY = 288
#: A Monday, at midnight.
MONDAY = 1_700_438_400


def history(counts: list[int], end: int | None = None) -> History:
    """The history as it was after `end` buckets."""
    upto = len(counts) if end is None else end
    begin = max(0, upto - KEPT_BUCKETS)
    return from_counts(MONDAY + begin * BUCKET_SECONDS, tuple(counts[begin:upto]))


def about(mean: float, rng: Random) -> int:
    return max(0, round(rng.gauss(mean, math.sqrt(mean))))


def steady(seed: int, days: int = 9, mean: float = 20) -> list[int]:
    rng = Random(seed)
    return [about(mean, rng) for _ in range(days * DAY)]


def clumps(seed: int, days: int = 9) -> list[int]:
    """Pushes, most of them by day, of a size that nobody knows, each fanning out over a while."""
    rng = Random(seed)
    counts = [0] * (days * DAY)
    for at in range(len(counts)):
        rate = 0.3 if 8 <= at / 12 % 24 < 20 else 0.07
        if rng.random() < rate:
            for _ in range(int(rng.lognormvariate(2.5, 1.2))):
                counts[min(len(counts) - 1, at + min(3, int(rng.expovariate(1))))] += 1
    return counts


def wandering(seed: int, days: int = 9) -> list[int]:
    """A level that goes up and down, by chance and slowly."""
    rng, level, counts = Random(seed), 3.0, []
    for _ in range(days * DAY):
        level += rng.gauss(0, 0.12) - 0.02 * (level - 3)
        counts.append(about(math.exp(level), rng))
    return counts


def daily(seed: int, days: int = 9, mean: float = 600) -> list[int]:
    rng = Random(seed)
    return [about(mean * (1.1 + math.sin(at / DAY * math.tau)), rng) for at in range(days * DAY)]


def weekly(seed: int, days: int = 16, mean: float = 600) -> list[int]:
    """By day, and little at the weekend."""
    rest = (5, 6)
    return [
        n // (5 if at // DAY % 7 in rest else 1) for at, n in enumerate(daily(seed, days, mean))
    ]


def hourly(seed: int, days: int = 9) -> list[int]:
    """A cron job's batch five minutes past every hour, and a few tasks always."""
    rng = Random(seed)
    return [about(200 if at % 12 == 1 else 5, rng) for at in range(days * DAY)]
