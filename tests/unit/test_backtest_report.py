"""What a backtest says of a run, worked out again by other means from what it printed."""

import bisect
import heapq
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from ops.scaling.backtest.frontier import Point, efficient, sweep
from ops.scaling.backtest.jobs import Job, run_job, run_jobs
from ops.scaling.backtest.report import cost_ratio, quantile
from ops.scaling.backtest.rivals import POLICIES
from ops.scaling.backtest.table import rows, short_name
from ops.scaling.backtest.trace import Trace, trace_of
from ops.scaling.settings import Settings

BOOT, PROMISE, SLOTS = 120.0, 200.0, 3
SETTINGS = Settings(
    "q", SLOTS, boot_seconds=BOOT, start_within_seconds=PROMISE, policies=frozenset({"age"})
)


def made(seed: int = 1) -> Trace:
    rng = Random(seed)
    at, tasks = 0.0, []
    for _ in range(900):
        at += rng.expovariate(1 / 5) if rng.random() < 0.9 else rng.expovariate(1 / 600)
        tasks.append((at, rng.expovariate(1 / 150)))
    return trace_of("made", tasks)


def waits_of(trace: Trace, slots_at: list[tuple[float, int]]) -> list[float]:
    """The waits where so many slots are there from each time on, and a started task goes on.

    Written without the simulator: each task starts at the first moment at which fewer tasks run
    than there are slots, in the order of arrival.
    """
    changes = [at for at, _ in slots_at]
    ends: list[float] = []
    waits = []
    earliest = 0.0
    for arrival, service in zip(trace.arrivals, trace.services, strict=True):
        at = max(arrival, earliest)
        while True:
            while ends and ends[0] <= at:
                heapq.heappop(ends)
            if len(ends) < slots_at[bisect.bisect_right(changes, at) - 1][1]:
                break
            later = bisect.bisect_right(changes, at)
            at = min(ends[0] if ends else 1e12, changes[later] if later < len(changes) else 1e12)
        earliest = at
        waits.append(at - arrival)
        heapq.heappush(ends, at + service)
    return waits


@pytest.mark.parametrize("policy", POLICIES)
def test_cost_and_reversals_follow_from_the_steps(policy: str) -> None:
    trace = made()
    told = run_job(Job(0, policy, SETTINGS), [trace]).as_data()
    assert set(told) >= {
        "policy", "trace", "cost_ratio", "in_time_percent", "wait_seconds", "launches",
        "reversals", "killed", "rerun_percent", "steps",
    }  # fmt: skip
    assert set(told["wait_seconds"]) == {"p50", "p95", "p99", "max"}
    steps = told["steps"]
    assert all(after[0] >= before[0] for before, after in pairwise(steps))
    assert all(0 <= draining <= nodes for _, nodes, draining in steps)
    paid = sum((after[0] - before[0]) * before[1] for before, after in pairwise(steps))
    work = sum(trace.services)
    assert told["cost_ratio"] == pytest.approx(SLOTS * paid / work, rel=1e-5)
    assert cost_ratio(steps, SLOTS, work) == pytest.approx(told["cost_ratio"], rel=1e-5)
    moves = [b[1] - a[1] for a, b in pairwise(steps[:-1]) if a[1] != b[1]]
    assert told["reversals"] == sum(1 for a, b in pairwise(moves) if (a > 0) != (b > 0))
    assert sum(move for move in moves if move > 0) <= told["launches"]


def test_starts_in_time_follow_from_the_steps_where_the_group_is_fixed() -> None:
    trace = made()
    result = run_job(Job(0, "static", SETTINGS), [trace])
    waits = waits_of(trace, [(at, SLOTS * nodes) for at, nodes, _ in result.steps[:-1]])
    in_time = 100 * sum(1 for wait in waits if wait <= PROMISE) / len(trace)
    assert result.in_time_percent == pytest.approx(in_time)
    assert result.wait_seconds["max"] == pytest.approx(max(waits))
    assert result.wait_seconds["p99"] == pytest.approx(sorted(waits)[int(0.99 * len(waits)) - 1])


@pytest.mark.parametrize("policy", ["fleet", "simple", "buildkite", "idle-timeout"])
def test_starts_are_not_sooner_than_the_nodes_of_the_steps_allow(policy: str) -> None:
    """Nodes that boot and nodes that drain are counted here as if they could take anything."""
    trace = made(2)
    result = run_job(Job(0, policy, SETTINGS, keep_series=True), [trace])
    assert result.series is not None
    most = waits_of(trace, [(at, SLOTS * nodes) for at, nodes, _ in result.steps[:-1]])
    told = sorted(result.series.waits)
    assert all(best <= wait + 1e-6 for best, wait in zip(sorted(most), told, strict=True))
    assert 100 * sum(wait <= PROMISE for wait in told) / len(told) == result.in_time_percent
    # And never do more tasks run than there are slots.
    ends = dict(zip(trace.arrivals, trace.services, strict=True))
    changes = [(at, 1) for at in result.series.started_at]
    for at, wait in zip(result.series.started_at, result.series.waits, strict=True):
        arrival = min(ends, key=lambda a: abs(a - (at - wait)))
        changes.append((at + ends[arrival], -1))
    running, times = 0, [at for at, _, _ in result.steps]
    for at, change in sorted(changes, key=lambda one: (one[0], one[1])):
        running += change
        nodes = result.steps[bisect.bisect_right(times, at) - 1][1]
        assert running <= SLOTS * nodes


def test_processes_change_nothing() -> None:
    traces = [made(3), made(4)]
    jobs = [
        Job(number, policy, SETTINGS, seed)
        for number in (0, 1)
        for policy in ("fleet", "keda", "static")
        for seed in (1, 2)
    ]
    told: list[int] = []
    alone = run_jobs(jobs, traces, processes=1, progress=told.append)
    assert told == list(range(12))
    together = run_jobs(jobs, traces, processes=2, progress=told.append)
    assert together == alone
    assert [(each.policy, each.seed) for each in together] == [(j.policy, j.seed) for j in jobs]
    assert told[-1] == 12


def test_without_a_promise_nothing_is_said_of_it() -> None:
    settings = replace(SETTINGS, start_within_seconds=None, policies=frozenset({"depth"}))
    result = run_job(Job(0, "fleet", settings), [made()])
    assert result.in_time_percent is None
    assert result.as_data()["in_time_percent"] is None
    assert rows([result])[0][3] == "-"


def test_the_table_says_the_worst_share_and_the_mean_of_the_rest() -> None:
    one = run_job(Job(0, "fleet", SETTINGS), [made()])
    two = replace(one, seed=2, cost_ratio=one.cost_ratio + 0.2, in_time_percent=99.99999)
    one = replace(one, in_time_percent=99.996, launches=10)
    two = replace(two, launches=13)
    ((name, policy, cost, in_time, *_, launches, _reversals, _killed, _rerun),) = rows([one, two])
    assert (name, policy, in_time, launches) == ("made", "fleet", "99.99", "12")
    assert float(cost) == pytest.approx(one.cost_ratio + 0.1, abs=1e-3)
    assert short_name("/a/b.c.csv.gz") == "b.c"


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2), (0.25, 1), (0.26, 2), (0.99, 4), (1.0, 4), (0.0, 1)]
)
def test_quantiles_are_the_nearest_rank(share: float, expected: int) -> None:
    assert quantile([1, 2, 3, 4], share) == expected
    assert quantile([], share) == 0
    assert quantile([3, 4], share, zeros=2) == (0 if expected <= 2 else expected)


def test_the_frontier_is_what_none_beats() -> None:
    points = [
        Point("off", 1.3, 60),
        Point(1, 1.35, 59),
        Point(2, 1.4, 70),
        Point("auto", 1.4, 80),
        Point(4, 1.5, 80),
        Point(6, 1.6, 90),
    ]
    assert [p.headroom for p in efficient(points)] == ["off", "auto", 6]


def test_a_sweep_tries_every_setting_with_every_seed() -> None:
    settings = replace(SETTINGS, start_within_seconds=30.0)
    points = sweep(made(), settings, seeds=2, headrooms=("off", 2, 8), processes=1)
    assert [p.headroom for p in points] == ["off", 2, 8]
    costs = [p.cost_ratio for p in points]
    shares = [p.in_time_percent for p in points]
    assert costs == sorted(costs)
    assert shares == sorted(shares)
    assert shares[2] > shares[0] + 5
