"""The drain machine: orders change the plan, the plan and what is held say what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.drain import (
    START_GRACE_SECONDS,
    Do,
    Order,
    Phase,
    Plan,
    Standing,
    Verb,
    ordered,
    step,
)

NOTHING = Standing(open_polls=0, buffered=0, unstarted=0, running=0, backlog=0)

orders = st.builds(
    Order,
    verb=st.sampled_from(Verb),
    reason=st.sampled_from(["SIGTERM", "spot", "operator"]),
    within_seconds=st.none() | st.floats(0, 43_200),
    spot=st.booleans(),
)
standings = st.builds(
    Standing,
    open_polls=st.integers(0, 4),
    buffered=st.integers(0, 3),
    unstarted=st.integers(0, 3),
    running=st.integers(0, 3),
    backlog=st.integers(0, 3),
)
plans = st.builds(
    Plan,
    phase=st.just(Phase.DRAINING),
    reason=st.just("SIGTERM"),
    since=st.floats(0, 100),
    deadline=st.floats(0, 200),
    spot=st.booleans(),
)


@given(st.lists(st.tuples(orders, st.floats(0, 60)), max_size=12), st.floats(0, 3600))
def test_a_drain_is_never_undone_and_its_deadline_only_comes_nearer(
    given_orders: list[tuple[Order, float]], budget: float
) -> None:
    plan, now = Plan(), 0.0
    for order, later in given_orders:
        now += later
        before, plan = plan, ordered(plan, order, now, budget)
        if before.phase is Phase.DRAINING:
            assert plan.phase is Phase.DRAINING
            assert plan.since == before.since
            assert plan.deadline <= before.deadline
            assert plan.spot >= before.spot


@given(st.lists(st.tuples(orders, st.floats(0, 60)), max_size=12), st.floats(0, 3600))
def test_the_same_order_twice_changes_nothing(
    given_orders: list[tuple[Order, float]], budget: float
) -> None:
    plan, now = Plan(), 0.0
    for order, later in given_orders:
        now += later
        plan = ordered(plan, order, now, budget)
        assert ordered(plan, order, now, budget) == plan


@given(orders, st.floats(0, 3600))
def test_a_worker_that_leaves_takes_no_orders(order: Order, budget: float) -> None:
    leaving = Plan(Phase.LEAVING, "SIGTERM", 1.0)
    assert ordered(leaving, order, 2.0, budget) is leaving


@given(st.floats(0, 3600))
def test_without_a_bound_a_drain_has_the_queues_budget(budget: float) -> None:
    plan = ordered(Plan(), Order(Verb.DRAIN, "SIGTERM"), 10.0, budget)
    assert plan == Plan(Phase.DRAINING, "SIGTERM", 10.0, 10.0 + budget)


def test_a_nearer_notice_shortens_a_drain_and_a_later_one_does_not() -> None:
    plan = ordered(Plan(), Order(Verb.DRAIN, "release", 600), 0.0, 3600)
    assert plan.deadline == 600
    nearer = ordered(plan, Order(Verb.DRAIN, "spot", 120, spot=True), 10.0, 3600)
    assert (nearer.deadline, nearer.reason, nearer.spot) == (130, "spot", True)
    later = ordered(nearer, Order(Verb.DRAIN, "SIGTERM", 300), 20.0, 3600)
    assert later == nearer


def test_hand_back_means_now_whatever_its_bound() -> None:
    plan = ordered(Plan(), Order(Verb.HAND_BACK, "SIGQUIT", 600), 5.0, 3600)
    assert (plan.phase, plan.deadline) == (Phase.DRAINING, 5.0)


def test_pause_and_resume() -> None:
    paused = ordered(Plan(), Order(Verb.PAUSE, "operator"), 1.0, 60)
    assert (paused.phase, paused.since, paused.deadline) == (Phase.PAUSED, 1.0, None)
    assert ordered(paused, Order(Verb.PAUSE, "again"), 2.0, 60) is paused
    resumed = ordered(paused, Order(Verb.RESUME, "operator"), 3.0, 60)
    assert resumed.phase is Phase.RUNNING
    drained = ordered(paused, Order(Verb.DRAIN, "SIGTERM"), 3.0, 60)
    assert (drained.phase, drained.deadline) == (Phase.DRAINING, 63.0)


@given(standings, st.floats(0, 1000))
def test_running_receives_paused_holds_leaving_does_nothing(standing: Standing, now: float) -> None:
    assert step(Plan(), standing, now) == (Do.RECEIVE,)
    assert step(Plan(Phase.PAUSED), standing, now) == (Do.HOLD,)
    assert step(Plan(Phase.LEAVING), standing, now) == ()


@given(plans, standings, st.floats(0, 300))
def test_a_worker_leaves_only_when_nothing_is_held(
    plan: Plan, standing: Standing, now: float
) -> None:
    todo = step(plan, standing, now)
    over = now >= plan.deadline
    held = standing.buffered + standing.unstarted + standing.running
    assert todo[0] is Do.HOLD
    assert (Do.LEAVE in todo) == (held == 0 and (standing.open_polls == 0 or (over and plan.spot)))
    assert (Do.CUT_OFF in todo) == (held > 0 and over)
    assert (Do.WITHDRAW in todo) == (
        standing.unstarted > 0 and now - plan.since >= START_GRACE_SECONDS
    )
    assert len(set(todo)) == len(todo)


@given(plans, st.integers(1, 4))
def test_an_open_poll_is_heard_out_unless_a_spot_deadline_is_over(plan: Plan, polls: int) -> None:
    waiting = Standing(open_polls=polls, buffered=0, unstarted=0, running=0, backlog=0)
    assert step(plan, waiting, plan.deadline - 0.1) == (Do.HOLD,)
    expected = (Do.HOLD, Do.LEAVE) if plan.spot else (Do.HOLD,)
    assert step(plan, waiting, plan.deadline) == expected


@pytest.mark.parametrize(
    ("standing", "now", "expected"),
    [
        (NOTHING, 0.0, ("hold", "leave")),
        (Standing(1, 0, 0, 0, 0), 0.0, ("hold",)),
        (Standing(0, 0, 1, 0, 0), 0.5, ("hold",)),
        (Standing(0, 0, 1, 0, 0), 1.0, ("hold", "withdraw")),
        (Standing(0, 0, 0, 1, 0), 9.9, ("hold",)),
        (Standing(0, 0, 0, 1, 0), 10.0, ("hold", "cut off")),
        (Standing(0, 0, 1, 1, 0), 10.0, ("hold", "withdraw", "cut off")),
        (Standing(0, 1, 0, 0, 0), 10.0, ("hold", "cut off")),
        (Standing(0, 0, 0, 0, 3), 10.0, ("hold", "leave")),
    ],
)
def test_a_drain_of_ten_seconds(standing: Standing, now: float, expected: tuple[str, ...]) -> None:
    plan = ordered(Plan(), Order(Verb.DRAIN, "SIGTERM", 10), 0.0, 3600)
    assert tuple(map(str, step(plan, standing, now))) == expected
