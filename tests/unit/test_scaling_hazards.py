"""The life table: by hand where few have ended, as the law has it where many have."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.scaling.hazards import EDGES, Hazards, bucket_of, hazards_of

LAST = len(EDGES) - 1
WIDTHS = [*(EDGES[at + 1] - EDGES[at] for at in range(LAST)), EDGES[LAST] * 0.3]

tasks_by_age = st.lists(st.integers(0, 50).map(float), min_size=len(EDGES), max_size=len(EDGES))


def counted(seconds: list[float]) -> list[float]:
    """How many of these there are in each bucket."""
    counts = [0.0] * len(EDGES)
    for each in seconds:
        counts[bucket_of(each)] += 1
    return counts


def by_hand(ended: list[float], running: list[float], at: int) -> float:
    """The hazard of one bucket, from its own deaths and risk and half of either neighbour's."""
    deaths = risk = 0.0
    for near, part in ((at - 1, 0.5), (at, 1.0), (at + 1, 0.5)):
        if not 0 <= near <= LAST:
            continue
        reached = ended[near] + running[near]
        older = sum(ended[near + 1 :]) + sum(running[near + 1 :])
        deaths += part * ended[near]
        risk += part * WIDTHS[near] * (older + reached / 2)
    middle = EDGES[at] + WIDTHS[at] / 2
    return (deaths + 0.1) / (risk + 0.15 * middle)


@settings(max_examples=60, deadline=None)
@given(tasks_by_age, tasks_by_age)
def test_each_hazard_is_deaths_over_time_at_risk(ended: list[float], running: list[float]) -> None:
    hazards = hazards_of(ended, running)
    assert len(hazards.rates) == len(hazards.cumulated) == len(EDGES)
    lived = 0.0
    for at in range(len(EDGES)):
        assert hazards.rates[at] == pytest.approx(by_hand(ended, running, at))
        assert hazards.until(EDGES[at]) == pytest.approx(lived)
        lived += hazards.rates[at] * WIDTHS[at]


def test_a_law_without_memory_has_one_hazard_at_every_age() -> None:
    r = random.Random(5)
    ended = counted([r.expovariate(1 / 60) for _ in range(50_000)])
    hazards = hazards_of(ended, [0.0] * len(EDGES))
    assert hazards.mean() == pytest.approx(60, rel=0.1)
    assert hazards.until(120.0) == pytest.approx(2.0, rel=0.1)
    for age in (0.0, 30.0, 100.0):
        assert hazards.left(age, 1.0) == pytest.approx(60, rel=0.15)
        assert hazards.left(age, 3.0) == pytest.approx(20, rel=0.15)


def test_what_runs_has_not_ended_at_its_age() -> None:
    ended, running = counted([10.0] * 20), counted([3_000.0] * 20)
    alone = hazards_of(ended, [0.0] * len(EDGES))
    beside = hazards_of(ended, running)
    assert 1 - math.exp(-alone.until(20.0)) > 0.75
    assert 1 - math.exp(-beside.until(20.0)) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("age", [0.0, 0.05, 0.1, 77.0, EDGES[-1], 10 * EDGES[-1]])
def test_every_age_has_a_bucket_and_an_end(age: float) -> None:
    at = bucket_of(age)
    assert EDGES[at] <= age
    assert at == LAST or age < EDGES[at + 1]
    hazards: Hazards = hazards_of([0.0] * len(EDGES), [0.0] * len(EDGES))
    assert 0 <= hazards.until(age) < math.inf
    assert 0 < hazards.left(age, 1.0) < math.inf
