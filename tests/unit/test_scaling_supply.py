"""How many waiting tasks will begin by a time: what is sure, and what is expected beside it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.scaling.durations import Durations
from ops.scaling.outlook import group_of
from ops.scaling.supply import Supply
from tests.unit.scaling_parts import NOW


def supply(
    completions: int,
    free: int = 0,
    ready_in: tuple[float, ...] = (),
    running: float = 0.0,
    *,
    longest: float = 600.0,
) -> Supply:
    """Tasks run for a minute on average, without memory; what runs began half a minute ago."""
    r, durations = random.Random(3), Durations()
    for n in range(completions):
        durations.add([(NOW - 2.0 * (completions - n), r.expovariate(1 / 60))])
    groups = {group_of(NOW - 30): running} if running else {}
    return Supply(durations.outlook(NOW, groups), groups, free, 4, ready_in, longest)


def test_before_enough_was_seen_only_what_is_free_or_boots_counts() -> None:
    known = supply(19, free=3, ready_in=(10.0, 60.0, 60.0), running=40)
    assert known.begins_within(9.0) == (3.0, 0.0)
    assert known.begins_within(10.0) == (7.0, 0.0)
    assert known.begins_within(60.0) == (15.0, 0.0)
    assert known.of_one_more(400.0) == 4.0


@pytest.mark.parametrize("seconds", [30.0, 120.0])
def test_running_slots_free_as_the_tasks_end(seconds: float) -> None:
    """Forty busy slots that are never idle begin a task a minute each."""
    mean, deviation = supply(3_000, running=40).begins_within(seconds)
    assert mean == pytest.approx(40 * seconds / 60, rel=0.3)
    assert 0 < deviation < mean


def test_a_free_slot_takes_one_at_once_and_more_as_they_end() -> None:
    mean, _ = supply(3_000, free=10).begins_within(300.0)
    assert mean == pytest.approx(10 * (1 + 300 / 60), rel=0.25)


def test_a_node_that_boots_works_from_when_it_is_ready() -> None:
    there = supply(3_000, ready_in=(180.0,))
    assert there.begins_within(179.0) == (0.0, 0.0)
    assert there.begins_within(180.0)[0] == pytest.approx(4.0)
    later = there.begins_within(300.0)[0]
    assert later == pytest.approx(there.of_one_more(120.0))
    assert later > 8


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from((0, 15, 40, 400)),
    st.integers(0, 30),
    st.lists(st.floats(0, 600), max_size=5).map(lambda s: tuple(sorted(s))),
    st.floats(0, 300),
)
def test_more_time_begins_more_and_never_less_than_what_is_ready(
    completions: int, free: int, ready_in: tuple[float, ...], running: float
) -> None:
    there = supply(completions, free, ready_in, running)
    before = 0.0
    for seconds in (0.0, 15.0, 180.0, 600.0):
        mean, deviation = there.begins_within(seconds)
        ready = free + 4 * sum(at <= seconds for at in ready_in)
        assert there.ready_within(seconds) == ready
        assert mean >= max(ready, before - 1e-9)
        assert deviation >= 0
        assert there.of_one_more(seconds) >= 4
        before = mean
