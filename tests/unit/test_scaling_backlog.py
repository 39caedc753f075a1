"""How old what waits is, against a queue in which every message's time is known."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.scaling.backlog import Backlog
from tests.unit.scaling_parts import NOW, TICK

HOUR = 3_600.0


def ages(backlog: Backlog) -> list[float]:
    """The time of each waiting message, as it is taken to be, oldest first."""
    return [at for at, size in backlog.batches for _ in range(size)]


#: By tick: what arrives, how long before the tick each did, what starts, and whether counts came.
ticks = st.lists(
    st.tuples(st.lists(st.floats(0.0, TICK - 0.01), max_size=6), st.integers(0, 8), st.booleans()),
    min_size=1,
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(ticks)
def test_an_age_is_never_guessed_too_low_nor_by_more_than_a_tick_too_high(
    told: list[tuple[list[float], int, bool]],
) -> None:
    queue: deque[float] = deque()
    backlog, begun, counted_at = Backlog(), 0, NOW
    backlog.count(NOW, 0, 0)
    for number, (arrivals, starts, known) in enumerate(told, 1):
        now = NOW + TICK * number
        queue.extend(sorted(now - ago for ago in arrivals))
        for _ in range(min(starts, len(queue))):
            queue.popleft()
            begun += 1
        if not known:
            continue
        backlog.count(now, len(queue), begun)
        guessed = ages(backlog)
        assert len(guessed) == len(queue)
        assert guessed == sorted(guessed)
        assert all(guess <= true for guess, true in zip(guessed, queue, strict=True))
        if now - counted_at <= TICK:
            newest = [(g, t) for g, t in zip(guessed, queue, strict=True) if t > counted_at]
            assert all(true - guess <= TICK for guess, true in newest)
        begun, counted_at = 0, now


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**4)), max_size=30),
    st.none() | st.floats(NOW - HOUR, NOW),
)
def test_counts_that_are_wildly_wrong_are_borne(
    told: list[tuple[int, int]], oldest: float | None
) -> None:
    backlog = Backlog()
    for number, (visible, begun) in enumerate(told):
        assert backlog.count(NOW + TICK * number, visible, begun, oldest) >= 0
        if oldest is not None:
            backlog.at_least(oldest)
        assert sum(size for _, size in backlog.batches) == visible
        assert all(size > 0 for _, size in backlog.batches)
        assert Backlog.from_data(backlog.to_data()).to_data() == backlog.to_data()


def test_what_arrived_is_what_is_more_and_what_was_begun() -> None:
    backlog = Backlog()
    backlog.count(NOW, 10, 0)
    assert backlog.count(NOW + TICK, 12, 5) == 7
    assert backlog.count(NOW + 2 * TICK, 4, 8) == 0
    assert backlog.count(NOW + 3 * TICK, 0, 0) == 0


def test_the_first_count_is_as_old_as_the_oldest_or_an_hour() -> None:
    known, unknown = Backlog(), Backlog()
    known.count(NOW, 3, 0, NOW - 200)
    unknown.count(NOW, 3, 500)
    assert ages(known) == [NOW - 200] * 3
    assert ages(unknown) == [NOW - HOUR] * 3


def test_the_oldest_that_is_older_than_was_thought_is_one_message() -> None:
    backlog = Backlog()
    backlog.count(NOW, 0, 0)
    backlog.count(NOW + TICK, 3, 0)
    backlog.at_least(NOW - 100)
    assert ages(backlog) == [NOW - 100, NOW, NOW]
    backlog.at_least(NOW - 50)
    assert ages(backlog) == [NOW - 100, NOW, NOW]
    assert backlog.oldest_at() == NOW - 100


def test_an_empty_queue_has_no_oldest() -> None:
    backlog = Backlog()
    backlog.count(NOW, 2, 0, NOW)
    backlog.count(NOW + TICK, 0, 0)
    backlog.at_least(NOW - 100)
    assert backlog.oldest_at() is None
    assert list(backlog.waiting()) == []


def test_each_batch_is_told_with_all_that_came_before_it() -> None:
    backlog = Backlog()
    for number, visible in enumerate((0, 2, 2, 5)):
        backlog.count(NOW + TICK * number, visible, 0)
    assert list(backlog.waiting()) == [(NOW, 2), (NOW + 2 * TICK, 5)]


def test_it_stays_small_and_loses_none() -> None:
    backlog = Backlog()
    for tick in range(10_000):
        backlog.count(NOW + TICK * tick, 2 * tick, 1)
    assert len(backlog.batches) <= 300
    assert sum(size for _, size in backlog.batches) == 2 * 9_999
    assert ages(backlog) == sorted(ages(backlog))
