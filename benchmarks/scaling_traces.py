"""Made workloads for the scaling benchmark: a week each, the same for the same seed."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from random import Random

from ops.scaling.backtest.trace import Trace, in_order

DAY = 86_400.0
WEEK = 7 * DAY
#: Monday, 5 January 2026, 00:00 UTC: a week of working days first.
BEGINS_AT = 1_767_571_200.0


def _trace(name: str, tasks: list[tuple[float, float]]) -> Trace:
    return in_order(
        name,
        array("d", (BEGINS_AT + at for at, _ in tasks)),
        array("d", (service for _, service in tasks)),
        BEGINS_AT,
    )


def _working(at: float) -> float:
    """How busy a team is at this time of its week: 1 in its hours, a tenth at night."""
    hour, day = at / 3600 % 24, int(at // DAY) % 7
    hours = 0.1 + 0.9 * math.exp(-(((hour - 14) / 4.5) ** 2))
    return hours * (0.25 if day >= 5 else 1.0)


def bursts(seed: int = 1) -> Trace:
    """A build farm: pushes of up to a hundred tasks, short tests and long builds.

    The tasks of one push are of one kind: a common factor slows or speeds all of them.
    """
    rng = Random(seed)
    tasks: list[tuple[float, float]] = []
    at = 0.0
    while (at := at + rng.expovariate(1 / 240)) < WEEK:
        if rng.random() > _working(at):
            continue
        factor = rng.lognormvariate(0, 0.5)
        for _ in range(min(100, 1 + int(rng.paretovariate(0.9)))):
            mean = 1500.0 if rng.random() < 0.3 else 240.0
            tasks.append((at + rng.expovariate(1 / 45), factor * mean * rng.lognormvariate(0, 0.3)))
    return _trace("made: bursts of builds", tasks)


def web(seed: int = 2) -> Trace:
    """A web site's jobs: up and down with the day and the week, a little restless."""
    rng = Random(seed)
    tasks: list[tuple[float, float]] = []
    noise = 0.0
    for minute in range(int(WEEK // 60)):
        at = 60.0 * minute
        noise = 0.98 * noise + rng.gauss(0, 0.03)
        daily = 1 + 0.75 * math.sin(2 * math.pi * (at / DAY - 0.4))
        weekly = 0.6 if int(at // DAY) % 7 >= 5 else 1.0
        expected = 18 * daily * weekly * math.exp(noise)
        for _ in range(_poisson(rng, expected)):
            tasks.append((at + 60 * rng.random(), rng.lognormvariate(3.2, 0.8)))
    return _trace("made: a web site's days", tasks)


def steady(seed: int = 3) -> Trace:
    """A constant load: one task in six seconds, two minutes each."""
    rng = Random(seed)
    tasks: list[tuple[float, float]] = []
    at = 0.0
    while (at := at + rng.expovariate(1 / 6)) < WEEK:
        tasks.append((at, rng.expovariate(1 / 120)))
    return _trace("made: a steady load", tasks)


def sparse(seed: int = 4) -> Trace:
    """A few tasks a day, some of them together."""
    rng = Random(seed)
    tasks: list[tuple[float, float]] = []
    at = 0.0
    while (at := at + rng.expovariate(1 / 2700)) < WEEK:
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            tasks.append((at + rng.random() * 5, rng.lognormvariate(4.8, 0.7)))
    return _trace("made: a task now and then", tasks)


def dense(tasks: int = 1_000_000, seed: int = 5) -> Trace:
    """A million tasks of ten seconds over a day: what the simulator's speed is measured on."""
    rng = Random(seed)
    spread = DAY * tasks / 1_000_000
    return _trace(
        "made: a million tasks a day",
        [(rng.random() * spread, rng.expovariate(0.1)) for _ in range(tasks)],
    )


MADE: tuple[Callable[[], Trace], ...] = (bursts, web, steady, sparse)


def _poisson(rng: Random, mean: float) -> int:
    """Return a Poisson-distributed count (Knuth); the mean is below a hundred."""
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
