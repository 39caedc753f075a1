"""How much is asked of SQS, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.sqs.poll import AHEAD_PER_SLOT, BATCH, Load, ahead, grant

IDLE = Load(slots=4, ahead=0, occupied=0, buffered=0, asked=0, polls=0, deep=False, most_polls=4)


@st.composite
def loads(draw: st.DrawFn) -> Load:
    """Any load a worker can have: what is open has asked for at least one message each."""
    polls = draw(st.integers(0, 6))
    return Load(
        slots=draw(st.integers(0, 64)),
        ahead=draw(st.integers(0, 640)),
        occupied=draw(st.integers(0, 64)),
        buffered=draw(st.integers(0, 700)),
        asked=draw(st.integers(polls, polls * BATCH)),
        polls=polls,
        deep=draw(st.booleans()),
        most_polls=draw(st.integers(1, 4)),
    )


def _room(load: Load) -> int:
    return load.slots + load.ahead - load.occupied - load.buffered - load.asked


@given(loads())
def test_never_asks_beyond_the_room_nor_for_more_than_ten(load: Load) -> None:
    assert 0 <= grant(load) <= max(0, min(_room(load), 10))


@given(loads())
def test_a_poll_is_open_whenever_a_slot_is_free_and_nothing_is_asked_for_it(load: Load) -> None:
    assume(load.occupied + load.buffered < load.slots)
    nothing_open = replace(load, polls=0, asked=0)
    assert grant(nothing_open) >= 1


@given(loads())
def test_on_a_queue_that_is_not_deep_there_is_one_poll(load: Load) -> None:
    assume(load.polls > 0)
    assert grant(replace(load, deep=False)) == 0


@given(loads())
def test_never_more_polls_than_allowed(load: Load) -> None:
    assume(load.polls >= load.most_polls)
    assert grant(load) == 0


@given(loads())
def test_on_a_deep_queue_every_free_slot_is_asked_for(load: Load) -> None:
    load = replace(load, deep=True, ahead=0)
    assume(load.polls < load.most_polls)
    free = load.slots - load.occupied - load.buffered - load.asked
    assert grant(load) == max(0, min(free, BATCH))


@given(loads())
def test_while_every_slot_has_work_waiting_a_look_ahead_asks_for_full_batches(load: Load) -> None:
    assume(load.ahead >= BATCH)
    assume(load.buffered + load.asked >= load.slots)
    assert grant(load) in (0, BATCH)


@given(loads(), st.integers(1, 200))
def test_polls_opened_one_after_the_other_come_to_an_end_within_the_room(
    load: Load, slots: int
) -> None:
    """Opening polls for as long as it is told to, a worker never asks for more than it can hold."""
    load = replace(load, slots=slots, occupied=0, buffered=0, asked=0, polls=0)
    while (count := grant(load)) > 0:
        load = replace(load, asked=load.asked + count, polls=load.polls + 1)
    assert load.polls <= (load.most_polls if load.deep else 1)
    assert 1 <= load.asked <= slots + load.ahead


@pytest.mark.parametrize(
    ("changes", "expected", "why"),
    [
        ({}, 4, "an idle worker asks for its slots"),
        ({"polls": 1, "asked": 4}, 0, "one long poll is enough on an idle queue"),
        ({"occupied": 4}, 0, "full"),
        ({"occupied": 3}, 1, "one slot free"),
        ({"occupied": 3, "buffered": 1}, 0, "the free slot has its message"),
        ({"slots": 20}, 10, "ReceiveMessage gives at most ten"),
        ({"slots": 20, "polls": 1, "asked": 10}, 0, "not deep: the rest waits for an answer"),
        ({"slots": 20, "polls": 1, "asked": 10, "deep": True}, 10, "deep: another poll"),
        ({"ahead": 40, "occupied": 4, "buffered": 35, "deep": True}, 0, "wait for a full batch"),
        ({"ahead": 40, "occupied": 4, "buffered": 30, "deep": True}, 10, "a full batch fits"),
        ({"ahead": 5, "occupied": 4, "buffered": 4, "deep": True}, 0, "below the look-ahead"),
        ({"ahead": 5, "occupied": 4, "deep": True}, 5, "the slots' next messages are not here"),
        ({"slots": 0}, 0, "no slots"),
    ],
)
def test_what_is_asked_for(changes: dict[str, int], expected: int, why: str) -> None:
    assert grant(replace(IDLE, **changes)) == expected, why


def test_no_look_ahead_before_a_run_was_measured() -> None:
    assert ahead(4, None) == 0


@pytest.mark.parametrize(
    ("slots", "run_seconds", "expected"),
    [(4, 0.0, 40), (4, 0.05, 40), (4, 0.1, 40), (4, 0.5, 8), (4, 1.0, 4), (4, 4.0, 1), (4, 4.1, 0)],
)
def test_the_look_ahead_is_about_a_second_of_work(
    slots: int, run_seconds: float, expected: int
) -> None:
    assert ahead(slots, run_seconds) == expected


@given(st.integers(1, 1000), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_look_ahead_is_bounded_and_shrinks_as_tasks_slow_down(
    slots: int, faster: float, slower: float
) -> None:
    faster, slower = sorted((faster, slower))
    assert 0 <= ahead(slots, slower) <= ahead(slots, faster) <= slots * AHEAD_PER_SLOT
    assert ahead(slots, slower) * slower <= slots * 1.0 + 1e-6
