"""Waiting between attempts: bounded, capped, jittered."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sqs.backoff import CAP_SECONDS, wait_seconds
from worker.sqs.client import POLL_MARGIN_SECONDS


@given(failures=st.integers(1, 10**9), seed=st.integers())
def test_every_wait_is_within_its_bounds(failures: int, seed: int) -> None:
    bound = min(CAP_SECONDS, 0.2 * 2.0 ** min(failures - 1, 100))
    assert bound / 2 <= wait_seconds(failures, Random(seed)) <= bound


@pytest.mark.parametrize(
    ("failures", "least", "most"),
    [(1, 0.1, 0.2), (2, 0.2, 0.4), (5, 1.6, 3.2), (6, 2.5, 5.0), (1000, 2.5, 5.0)],
)
def test_waits_double_up_to_the_cap(failures: int, least: float, most: float) -> None:
    rng = Random(7)
    waits = [wait_seconds(failures, rng) for _ in range(500)]
    # The draws fill the range: workers that failed together come back apart.
    assert least <= min(waits) < least + 0.05 * (most - least)
    assert most - 0.05 * (most - least) < max(waits) <= most


def test_the_same_generator_gives_the_same_waits() -> None:
    ones, others = Random(3), Random(3)
    waits = [wait_seconds(n, ones) for n in range(1, 20)]
    assert waits == [wait_seconds(n, others) for n in range(1, 20)]


def test_a_worker_receives_again_within_thirty_seconds_of_a_faults_end() -> None:
    """At worst the fault ends just after a poll of 20 s went out on a connection that is silent."""
    assert 20 + POLL_MARGIN_SECONDS + CAP_SECONDS < 30
