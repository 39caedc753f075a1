"""What opens the gate and what shuts it, block by block of six hours; and what a block may know."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from ops.scaling.forecast.blocks import Block, Loss, gathered, loss
from ops.scaling.forecast.gate import Trial, trial
from ops.scaling.forecast.history import from_counts
from ops.scaling.forecast.models import FORECASTS, NAMES, REACTING
from ops.scaling.forecast.scale import as_now, most_at_work
from ops.scaling.forecast.scores import Scores
from ops.scaling.forecast.series import Summed
from tests.unit.arrivals import DAY, daily, history

GOOD = Trial(
    model="day",
    blocks=28,
    gain=0.2,
    without_the_best=0.15,
    better=0.8,
    last_day=0.1,
    last_half_day=0.1,
    error=0.1,
)


@pytest.mark.parametrize(
    ("found", "opens", "stays"),
    [
        (GOOD, "", ""),
        (replace(GOOD, error=0.45), "errs by 45%", ""),
        (replace(GOOD, error=0.7), "errs by 70%", "errs by 70%"),
        (replace(GOOD, gain=0.09), "would have saved only 9% against reacting", ""),
        # A day and a half proves less than a week.
        (replace(GOOD, gain=0.15, blocks=6), "would have saved only 15% against reacting", ""),
        (replace(GOOD, gain=0.15), "", ""),
        (
            replace(GOOD, gain=-0.07),
            "would have cost 7% more than reacting",
            "would have cost 7% more than reacting",
        ),
        (
            replace(GOOD, last_day=-0.05),
            "would have cost 5% more than reacting over the last day",
            "",
        ),
        (
            replace(GOOD, last_half_day=-0.6),
            "would have cost 60% more than reacting over the last half day",
            "would have cost 60% more than reacting over the last half day",
        ),
        (
            replace(GOOD, without_the_best=0.01),
            "would have saved 20%, nearly all of it in one block of six hours",
            "",
        ),
        (
            replace(GOOD, better=0.5),
            "would have cost less than reacting on only 50% of the days",
            "",
        ),
    ],
)
def test_what_opens_the_gate_and_what_shuts_it(found: Trial, opens: str, stays: str) -> None:
    assert found.shut_by(is_open=False) == opens
    assert found.shut_by(is_open=True) == stays


def block_of(**costs: float) -> Loss:
    """A block in which every model cost 10, but for those named (`day_and_level=3`)."""
    by_model = tuple(costs.get(name.replace(" ", "_"), 10.0) for name in NAMES)
    return Loss(by_model, 100.0, tuple(cost / 2 for cost in by_model))


def test_five_blocks_are_too_few_to_judge_by() -> None:
    assert trial([block_of(day=5)] * 7) is None
    found = trial([block_of(day=5)] * 8)
    assert found is not None
    assert (found.model, found.blocks) == ("day", 6)
    assert found.gain == found.last_day == found.last_half_day == 0.5
    assert found.better == 1
    assert found.error == 0.025


def test_a_model_is_judged_on_blocks_that_did_not_choose_it() -> None:
    """Of many forecasts without any worth, the best looks good afterwards, never before."""
    gains, best = [], []
    for seed in range(20):
        rng = Random(seed)
        reacting = (10.0,) * len(REACTING)
        losses = [
            Loss((*reacting, *(rng.gauss(10.3, 3) for _ in FORECASTS)), 100.0, (1.0,) * len(NAMES))
            for _ in range(28)
        ]
        found = trial(losses)
        assert found is not None
        gains.append(found.gain)
        totals = [sum(one.by_model[which] for one in losses) for which in range(len(NAMES))]
        best.append(1 - min(totals) / 280)
    assert sum(best) / 20 > 0.05
    assert sum(gains) / 20 < 0


def test_reacting_is_judged_by_its_best_form_in_hindsight() -> None:
    found = trial([block_of(day=5, the_last_hour=4)] * 12)
    assert found is not None
    assert found.gain == -0.25
    assert set(REACTING) & set(FORECASTS) == set()


def test_a_gain_of_one_block_is_told_from_a_lasting_one() -> None:
    jammed = {name.replace(" ", "_"): 400.0 for name in REACTING}
    lucky = [block_of(day=11)] * 14 + [block_of(day=11, **jammed)] + [block_of(day=11)] * 13
    found = trial(lucky)
    assert found is not None
    assert found.gain > 0.5
    assert found.without_the_best <= 0
    assert "one block" in found.shut_by(is_open=False)


def test_hours_in_which_nothing_happens_do_not_shut_the_gate() -> None:
    """A queue works once a day: at other times to cost twice as much costs nothing."""
    idle = Loss((10.0,) * len(REACTING) + (20.0,) * len(FORECASTS), 100.0, (1.0,) * len(NAMES))
    jammed = {name.replace(" ", "_"): 1000.0 for name in REACTING}
    found = trial([idle, block_of(day=200, **jammed), idle, idle] * 7)
    assert found is not None
    assert found.shut_by(is_open=True) == ""


def test_margins_know_no_error_of_which_the_future_is_yet_to_come() -> None:
    known = Summed(counts := history(daily(1, days=9)))
    number = counts.open // 72 - 3
    before = [gathered(known, counts, number - back, 24, 1) for back in (5, 4, 3, 2, 1)]
    judged = gathered(known, counts, number, 24, 1)
    assert before[-1].late == 4  # of an origin every five buckets, those in the last 23
    told = before[-1]
    wrong = tuple(type(column)("d", column) for column in told.errors)
    for column in wrong:
        column[-told.late :] = type(column)("d", [1e6] * told.late)
    late = Block(told.foreseen, wrong, told.actual, told.most, told.late)
    # Were they used, the highest quantile would be a million.
    usual = loss(judged, before, 0.999)
    assert usual is not None
    assert loss(judged, [*before[:-1], late], 0.999) == usual


def test_a_block_is_final_only_when_all_of_its_horizon_has_passed() -> None:
    counts = daily(1, days=12)
    kept = Scores(3, 1, 0.9)
    for end in range(10 * DAY + 20, 10 * DAY + 180):
        kept.losses(history(counts, end))
    last = history(counts, 10 * DAY + 190)
    assert kept.losses(last) == Scores(3, 1, 0.9).losses(last)


def test_tasks_at_work_are_those_that_came_while_a_task_lasts() -> None:
    series = Summed(from_counts(0, (1, 2, None, 8, 16)))
    assert as_now(series, 5, 1) == 16
    assert as_now(series, 5, 2) == 24
    assert as_now(series, 5, 4) == (2 + 8 + 16) * 4 / 3
    assert as_now(series, 3, 1) is None
    assert most_at_work([4.0, 5.0, 1.0], series, 5, 1) == 5
    assert most_at_work([4.0, 5.0, 1.0], series, 5, 3) == 16 + 8 + 4
    assert most_at_work([0.0, 0.0], series, 5, 4) == (8 + 16) * 3 / 2
    assert most_at_work(None, series, 5, 1) is None
