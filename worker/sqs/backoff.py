"""Waiting between attempts against a broker that fails: exponential, capped, fully jittered."""

from __future__ import annotations

from random import Random
from typing import Final

#: The first wait's upper bound and the cap of all. A worker must be receiving again within 30 s
#: of a fault's end: one silent long poll of 20 s and its margin leave five seconds for the wait.
FIRST_SECONDS: Final = 0.2
CAP_SECONDS: Final = 5.0


def wait_seconds(failures: int, rng: Random) -> float:
    """Return how long to wait after ``failures`` failures in a row (1 or more).

    Half of the bound is fixed and half drawn, so that a fleet that failed together does not
    come back together, and no worker hammers a broker that is down.
    """
    bound = min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
    return bound / 2 + rng.uniform(0, bound / 2)
