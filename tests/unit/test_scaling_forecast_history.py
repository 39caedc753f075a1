"""Arrivals kept in five-minute buckets: sums, gaps, clocks, size, text."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.scaling.forecast import (
    BUCKET_SECONDS,
    KEPT_BUCKETS,
    History,
    from_counts,
    from_text,
    to_text,
)

START = 1_700_000_100.0  # the beginning of a bucket


def ticked(ticks: int, arrivals: float = 3, every: float = 15) -> History:
    history = History().add(START, 0)
    for tick in range(1, ticks + 1):
        history = history.add(START + tick * every, arrivals)
    return history


def test_ticks_add_up_to_buckets() -> None:
    history = ticked(60)
    assert history.counts == (60, 60, 60)
    assert history.first == START // BUCKET_SECONDS
    assert (history.arrived, history.covered) == (0, 0)


def test_what_came_across_a_bucket_s_end_is_shared_by_time() -> None:
    history = History().add(START, 0).add(START + 250, 10, since=START)
    history = history.add(START + 350, 60, since=START + 250)
    assert history.counts == (40,)
    assert history.arrived == pytest.approx(30)


def test_the_first_add_counts_nothing_since_nobody_knows_since_when() -> None:
    assert History().add(START + 10, 1000).arrived == 0


def test_a_bucket_that_was_half_seen_is_scaled_and_less_is_unknown() -> None:
    half = History().add(START + 100, 0).add(START + 300, 20, since=START + 100)
    assert half.counts == (30,)
    little = History().add(START + 200, 0).add(START + 300, 20, since=START + 200)
    assert little.counts == (None,)


def test_a_silence_is_unknown_unless_it_is_said_since_when() -> None:
    silent = ticked(20).add(START + 1500, 7)
    assert silent.counts == (60, None, None, None, None)
    told = ticked(20).add(START + 1500, 8, since=START + 300)
    assert told.counts == (60, 2, 2, 2, 2)


def test_unknown_arrivals_are_not_zero() -> None:
    history = ticked(20)
    for tick in range(1, 21):
        history = history.add(START + 300 + tick * 15, None)
    assert history.counts == (60, None)


def test_a_clock_a_little_back_loses_nothing_and_a_wrong_one_is_cut_off() -> None:
    history = ticked(50)
    assert history.add(START + 740, 5) == History(
        history.first, history.counts, history.told, history.arrived + 5, history.covered
    )
    astray = history.add(START + 86_400, 0)
    assert len(astray.counts) == DAY_OF_BUCKETS
    back = astray.add(START + 765, 3)
    assert back.counts == history.counts
    assert back.told == START + 765


DAY_OF_BUCKETS = 288


def test_a_clock_years_ahead_begins_anew_at_once() -> None:
    history = ticked(20).add(START + 1e9, 1)
    assert history.counts == ()
    assert history.add(START + 300, 1).counts == ()


@pytest.mark.parametrize("arrivals", [-1.0, float("nan"), float("inf")])
def test_what_is_no_number_of_tasks_is_refused(arrivals: float) -> None:
    with pytest.raises(ValueError, match="arrivals: expected a number from 0"):
        ticked(1).add(START + 60, arrivals)


@given(
    st.lists(
        st.tuples(
            st.floats(-4000, 40_000), st.none() | st.floats(0, 1e12), st.none() | st.floats(0, 1e4)
        ),
        max_size=60,
    )
)
def test_whatever_is_added_it_stays_in_its_bounds(
    adds: list[tuple[float, float | None, float | None]],
) -> None:
    history, at = History(), START
    for step, arrivals, back in adds:
        at += step
        history = history.add(at, arrivals, None if back is None else at - back)
        assert len(history.counts) <= KEPT_BUCKETS
        assert all(n is None or 0 <= n < 2**32 - 1 for n in history.counts)
        assert history.covered >= 0
        assert history.told is not None
        assert from_text(to_text(history)) == history


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(5, 119))
def test_no_arrival_is_lost_or_made_up_but_by_rounding(arrivals: list[int], every: int) -> None:
    history = History().add(START, 0)
    for tick, n in enumerate(arrivals, 1):
        history = history.add(START + tick * every, n)
    kept = sum(n or 0 for n in history.counts) + history.arrived
    assert abs(kept - sum(arrivals)) <= len(history.counts) / 2 + 1e-6


def test_the_worst_history_fits_an_item_and_a_usual_one_is_a_quarter_of_it() -> None:
    rng = Random(1)
    worst = from_counts(START, tuple(rng.randrange(2**32 - 1) for _ in range(9 * KEPT_BUCKETS)))
    assert len(worst.counts) == KEPT_BUCKETS
    assert len(to_text(worst)) < 28_000
    usual = from_counts(START, tuple(rng.randrange(200) for _ in range(KEPT_BUCKETS)))
    assert len(to_text(usual)) < 8_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1|2|3",
        "2|0||0.0|0.0|eJwDAAAAAAE=",
        "1|0||0.0|0.0|AAAA",
        "1|0||0.0|0.0|!",
        to_text(ticked(60))[:-9],
        to_text(from_counts(0, (1,))).replace("eJ", "eK"),
    ],
)
def test_what_is_no_history_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"history: expected text as to_text writes it.*delete it"):
        from_text(text)


def test_more_than_a_history_holds_is_refused_however_small_it_is_packed() -> None:
    packed = to_text(History(0, (0,) * (KEPT_BUCKETS + 1)))
    with pytest.raises(ValueError, match="history"):
        from_text(packed)
