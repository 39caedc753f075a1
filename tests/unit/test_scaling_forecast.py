"""A forecast opens where it gains, stays shut where it does not, and knows no future."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from ops.scaling.forecast import (
    BUCKET_SECONDS,
    Forecaster,
    Verdict,
    due,
    evaluate,
    forecast,
    from_counts,
    from_data,
    from_text,
    to_text,
)
from ops.scaling.forecast.models import NAMES, say, say_all
from ops.scaling.forecast.series import Read, Summed
from tests.unit.arrivals import DAY, clumps, daily, history, hourly, steady, wandering, weekly

BOOT = 180.0
LONG_BOOT = 900.0


def followed(
    counts: list[int], every: int = 12, boot: float = LONG_BOOT, service: float = 60.0
) -> list[tuple[float, Verdict]]:
    """Every verdict of a queue's life and the day it was made on."""
    forecaster, verdict, verdicts = Forecaster(), None, []
    for end in range(every, len(counts) + 1, every):
        known = history(counts, end)
        assert known.told is not None
        verdict = forecaster.evaluate(known, known.told, boot, service, verdict)
        verdicts.append((end / DAY, verdict))
    return verdicts


@pytest.mark.parametrize("boot", [BOOT, LONG_BOOT])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("arrivals", [steady, clumps, wandering])
def test_it_is_never_used_where_there_is_nothing_to_foresee(arrivals, seed, boot) -> None:  # type: ignore[no-untyped-def]
    used = [why for _, why in followed(arrivals(seed), every=36, boot=boot) if why.used]
    assert not used


@pytest.mark.parametrize(
    ("counts", "boot", "by_day"),
    [
        (daily(1, days=5), LONG_BOOT, 4),
        (daily(2, days=5, mean=6000), BOOT, 3),
        (hourly(1, days=4), BOOT, 3),
        (hourly(2, days=4), LONG_BOOT, 3),
        (weekly(1, mean=6000), LONG_BOOT, 16),
    ],
    ids=["day", "day, short boot", "hour", "hour, long boot", "week"],
)
def test_it_is_used_within_days_where_the_queue_has_seasons(
    counts: list[int], boot: float, by_day: int
) -> None:
    verdicts = followed(counts, every=36, boot=boot)
    first = next(day for day, verdict in verdicts if verdict.used)
    assert 2 <= first <= by_day
    last = verdicts[-1][1]
    assert last.used
    assert last.gain > 0.1
    assert last.error < 0.25
    assert last.why.startswith(f"used: {last.model}, error ")


def test_it_is_given_up_within_hours_when_the_pattern_breaks() -> None:
    counts = daily(3, days=7)
    moved = daily(4, days=4)
    # From noon to noon the day is upside down, as after a move to another continent.
    broken = counts + moved[DAY // 2 :]
    verdicts = followed(broken)
    assert all(verdict.used for day, verdict in verdicts if 5 < day <= 7)
    shut = next(verdict for day, verdict in verdicts if 7 < day < 8 and not verdict.used)
    assert "more than reacting" in shut.why or "errs by" in shut.why


def test_it_takes_two_days_and_says_how_many_it_has() -> None:
    counts = history(hourly(1, days=1))
    assert counts.told is not None
    verdict = evaluate(counts, counts.told, BOOT)
    assert verdict.why == "not used: 1.0 days of history, a forecast needs 2"
    assert forecast(counts, verdict, counts.told, BOOT) is None


def test_an_open_gate_does_not_flap() -> None:
    changes = [verdict.used for _, verdict in followed(daily(5, days=10))]
    assert sum(one != other for one, other in pairwise(changes)) <= 3


def test_no_model_looks_into_the_future() -> None:
    counts = daily(1, days=9)
    for origin_at in (8 * DAY, 8 * DAY + 7, 8 * DAY + 100):
        tail = counts[origin_at:]
        Random(1).shuffle(tail)
        one, other = history(counts), history(counts[:origin_at] + [9 * n for n in tail])
        origin = one.first + origin_at
        for horizon in (1, 12, 24):
            said = say_all(Summed(one), origin, horizon)
            assert all(ahead is not None and len(ahead) == horizon for ahead in said)
            assert said == say_all(Summed(other), origin, horizon)


def test_what_comes_after_changes_no_score_of_before() -> None:
    counts = daily(1, days=6)
    one, other = Forecaster(), Forecaster()
    shuffled = counts[: 4 * DAY] + [0] * (2 * DAY)
    # The first has seen the future before it is asked about the past again.
    seen = history(counts)
    assert seen.told is not None
    one.evaluate(seen, seen.told, LONG_BOOT, 60)
    past = history(shuffled, 4 * DAY)
    assert past.told is not None
    assert one.evaluate(past, past.told, LONG_BOOT, 60) == other.evaluate(
        past, past.told, LONG_BOOT, 60
    )


@pytest.mark.parametrize("holes", [False, True])
def test_keeping_scores_gives_the_verdicts_of_starting_afresh(holes: bool) -> None:
    # Longer than a history is kept, so that what is scored was trimmed meanwhile.
    counts: list[int | None] = list(daily(7, days=25))
    if holes:
        rng = Random(3)
        for _ in range(60):
            begin = rng.randrange(len(counts))
            counts[begin : begin + 9] = [None] * len(counts[begin : begin + 9])
    kept = Forecaster()
    for end in range(22 * DAY + 5, 25 * DAY, 29):
        known = from_counts((end - 18 * DAY) * 300, tuple(counts[end - 18 * DAY : end]))
        assert known.told is not None
        verdict = kept.evaluate(known, known.told, LONG_BOOT, 400)
        if end % 4 == 0:
            assert verdict == evaluate(known, known.told, LONG_BOOT, 400)


def test_one_forecast_is_what_the_backtest_would_have_said() -> None:
    known = history(daily(1, days=9))
    said = dict(zip(NAMES, say_all(Summed(known), known.open, 5), strict=True))
    for name in NAMES:
        assert say(name, Read(known), known.open, 5) == said[name]


def test_the_forecast_s_quantiles_hold_what_they_promise() -> None:
    counts = daily(8, days=9, mean=2000)
    verdict, within, asked = None, {0.5: 0, 0.9: 0, 0.99: 0}, 0
    forecaster = Forecaster()
    for end in range(6 * DAY, 9 * DAY - 3, 5):
        known = history(counts, end)
        assert known.told is not None
        verdict = forecaster.evaluate(known, known.told, LONG_BOOT, 60, verdict)
        found = forecast(known, verdict, known.told, LONG_BOOT - 1)
        assert found is not None
        came = max(counts[end : end + 3]) / BUCKET_SECONDS
        asked += 1
        for quantile, rate in found.rate_per_second.items():
            within[quantile] += came <= rate
    shares = {quantile: n / asked for quantile, n in within.items()}
    assert 0.4 < shares[0.5] < 0.6
    assert 0.84 < shares[0.9] < 0.96
    assert shares[0.99] > 0.96


def test_a_long_task_counts_for_as_long_as_it_runs() -> None:
    known = history(hourly(1, days=4))
    assert known.told is not None
    short = evaluate(known, known.told, 300, 60)
    lasting = evaluate(known, known.told, 300, 3600)
    assert (short.width, lasting.width) == (1, 12)
    # An hour's tasks at work at once are the same at every minute of the hour: as now, nearly.
    assert short.gain > 0.9
    assert lasting.gain < 0.5


def used(model: str = "day") -> Verdict:
    margins = ((0.5, 0.0), (0.75, 0.5), (0.9, 1.0), (0.95, 1.5), (0.99, 2.0))
    return Verdict(0.0, True, "used: by hand", 3, 1, model, margins=margins, ceiling=1e9)


def test_quantiles_are_in_order_and_under_the_ceiling() -> None:
    known = history(daily(1, days=5))
    assert known.told is not None
    found = forecast(known, used(), known.told, LONG_BOOT, (0.1, 0.5, 0.6, 0.9, 0.999))
    assert found is not None
    rates = list(found.rate_per_second.values())
    assert rates == sorted(rates)
    assert rates[0] == rates[1]
    low = forecast(known, replace(used(), ceiling=30.0), known.told, LONG_BOOT, (0.99,))
    assert low is not None
    assert low.rate_per_second == {0.99: 30.0 / BUCKET_SECONDS}


def test_a_verdict_survives_json_and_gives_the_same_forecast() -> None:
    known = history(daily(1, days=5))
    assert known.told is not None
    verdict = evaluate(known, known.told, LONG_BOOT, 60)
    assert verdict.used
    again = from_data(json.loads(json.dumps(verdict.as_data())))
    assert again == verdict
    reread = from_text(to_text(known))
    now = known.told + 20
    assert forecast(reread, again, now, LONG_BOOT) == forecast(known, verdict, now, LONG_BOOT)
    assert evaluate(reread, known.told, LONG_BOOT, 60) == verdict


def test_what_is_no_verdict_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"verdict: expected what as_data gives.*made anew"):
        from_data({"used": True})


def test_a_verdict_lasts_an_hour_by_a_clock_that_goes_forward() -> None:
    verdict = used()
    assert due(None, 0.0)
    assert not due(verdict, 3599.0)
    assert due(verdict, 3600.0)
    assert due(verdict, -1.0)
    assert evaluate(from_counts(0, ()), 60.0, BOOT, before=verdict) == verdict


@pytest.mark.parametrize("model", NAMES)
def test_unknown_buckets_give_no_forecast_or_one_of_what_is_known(model: str) -> None:
    nothing = from_counts(0, (None,) * (9 * DAY))
    assert nothing.told is not None
    assert forecast(nothing, used(model), nothing.told, LONG_BOOT) is None
    # A constant rate with holes is still that rate, never less: unknown is not zero.
    rng = Random(5)
    holes = from_counts(0, tuple(None if rng.random() < 0.2 else 60 for _ in range(9 * DAY)))
    assert holes.told is not None
    found = forecast(holes, used(model), holes.told, LONG_BOOT, (0.5,))
    if found is not None:
        assert found.rate_per_second[0.5] == pytest.approx(60 / BUCKET_SECONDS)


def test_a_history_that_stopped_is_not_forecast_from() -> None:
    known = history(daily(1, days=5))
    assert known.told is not None
    assert forecast(known, used(), known.told + 899, LONG_BOOT) is not None
    assert forecast(known, used(), known.told + 901, LONG_BOOT) is None
    assert forecast(known, used(), known.told - 901, LONG_BOOT) is None


def test_a_day_of_nothing_is_foreseen_as_nothing() -> None:
    known = from_counts(0, (0,) * (3 * DAY))
    assert known.told is not None
    verdict = evaluate(known, known.told, LONG_BOOT)
    assert not verdict.used
    found = forecast(known, replace(used(), margins=verdict.margins), known.told, LONG_BOOT)
    assert found is not None
    assert set(found.rate_per_second.values()) == {0.0}
