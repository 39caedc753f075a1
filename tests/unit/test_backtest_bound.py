"""The bound with one slot a node: below all that a policy does, and near what can be counted."""

from __future__ import annotations

import math
from itertools import combinations, permutations
from random import Random

import pytest

from ops.scaling.backtest.bound import least_cost_ratio
from ops.scaling.backtest.run import Fleet, run
from ops.scaling.backtest.trace import Trace, trace_of
from ops.scaling.settings import Settings

BOOT, PROMISE = 180.0, 300.0


def ratio(*tasks: tuple[float, float]) -> float:
    return least_cost_ratio(trace_of("t", tasks), BOOT, PROMISE)


def test_a_task_alone_costs_its_work_and_a_boot() -> None:
    assert ratio((0.0, 100.0)) == pytest.approx((100 + BOOT) / 100)


def test_tasks_that_can_follow_each_other_share_a_boot() -> None:
    assert ratio((0.0, 100.0), (50.0, 100.0)) == pytest.approx((200 + BOOT) / 200)


def test_tasks_too_far_apart_do_not() -> None:
    assert ratio((0.0, 100.0), (5000.0, 100.0)) == pytest.approx((200 + 2 * BOOT) / 200)


def test_a_task_that_would_be_late_behind_a_long_one_does_not() -> None:
    assert ratio((0.0, 1000.0), (0.0, 1000.0)) == pytest.approx((2000 + 2 * BOOT) / 2000)


def test_a_trace_without_work_has_no_bound() -> None:
    with pytest.raises(ValueError, match="expected work"):
        least_cost_ratio(trace_of("t", []), BOOT, PROMISE)


def least_waste(tasks: list[tuple[float, float]]) -> float:
    """Boots and idle time together, by trying every way to deal the tasks out to nodes."""

    def idles(order: tuple[int, ...]) -> float:
        """How long a node idles that runs these in turn, each as early as it can; inf if late."""
        at, idle = tasks[order[0]][0], 0.0
        for number in order:
            arrival, service = tasks[number]
            if at > arrival + PROMISE:
                return math.inf
            idle += max(0.0, arrival - at)
            at = max(at, arrival) + service
        return idle

    def dealt(left: frozenset[int]) -> float:
        if not left:
            return 0.0
        first = min(left)
        others = sorted(left - {first})
        return min(
            BOOT
            + min(idles(order) for order in permutations((first, *more)))
            + dealt(left - {first, *more})
            for size in range(len(others) + 1)
            for more in combinations(others, size)
        )

    return dealt(frozenset(range(len(tasks))))


@pytest.mark.parametrize("seed", range(25))
def test_it_is_never_above_what_can_be_done(seed: int) -> None:
    rng = Random(seed)
    tasks = [(rng.uniform(0, 1500), rng.uniform(10, 900)) for _ in range(5)]
    work = sum(service for _, service in tasks)
    assert 1 + BOOT / work <= ratio(*tasks) <= 1 + least_waste(tasks) / work + 1e-9


def test_tasks_that_must_run_at_once_take_a_node_each() -> None:
    tasks = [(float(number), 2000.0) for number in range(7)]
    assert ratio(*tasks) == pytest.approx(1 + 7 * BOOT / 14000)


def clumps(seed: int) -> Trace:
    rng = Random(seed)
    tasks = []
    at = 0.0
    while at < 6 * 3600:
        at += rng.expovariate(1 / 400)
        tasks += [(at, rng.lognormvariate(5.5, 1.0)) for _ in range(rng.randint(1, 12))]
    return trace_of("clumps", tasks)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_policy_of_ours_costs_less(seed: int) -> None:
    trace = clumps(seed)
    settings = Settings(
        "q", 1, 0, 500, BOOT, start_within_seconds=PROMISE, policies=frozenset({"age"})
    )
    done = run(Fleet(settings), trace, slots=1, boot_seconds=BOOT, seed=seed)
    cost = done.machine.totals.node_seconds / trace.work_seconds
    assert cost > least_cost_ratio(trace, BOOT, PROMISE) > 1.0
