"""The rivals follow their sources' rules, in situations small enough to work out by hand."""

from dataclasses import replace
from random import Random

import pytest

from ops.scaling.backtest.jobs import Job, run_job
from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.report import Result
from ops.scaling.backtest.rivals import HINDSIGHT, POLICIES, Case, build, tick_seconds
from ops.scaling.backtest.rivals.case import KEPT
from ops.scaling.backtest.rivals.schedule import busiest
from ops.scaling.backtest.rivals.static import Static
from ops.scaling.backtest.rivals.target_tracking import TargetTracking
from ops.scaling.backtest.run import run
from ops.scaling.backtest.trace import Trace, trace_of
from ops.scaling.settings import Settings

SETTINGS = Settings(
    "q", 4, boot_seconds=60.0, start_within_seconds=300.0, policies=frozenset({"age"})
)
KILLERS = {"keda", "target-tracking"}


def bursts(seed: int = 1, hours: int = 12, service: float = 400.0) -> Trace:
    """Bursts of up to sixty tasks, a few an hour."""
    rng = Random(seed)
    tasks = []
    for _ in range(3 * hours):
        at = rng.random() * 3600 * hours
        tasks += [
            (at + rng.random() * 60, rng.expovariate(1 / service)) for _ in range(rng.randrange(60))
        ]
    return trace_of("bursts", tasks)


def ran(policy: str, trace: Trace, settings: Settings = SETTINGS, **given: object) -> Result:
    return run_job(Job(0, policy, settings, **given), [trace])  # type: ignore[arg-type]


def nodes_at(result: Result, at: float) -> int:
    return next(nodes for since, nodes, _ in reversed(result.steps) if since <= at)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_starts_everything_within_its_bounds(policy: str) -> None:
    trace, settings = bursts(), replace(SETTINGS, maximum=20, minimum=1)
    result = ran(policy, trace, settings)
    assert (result.tasks, result.unstarted) == (len(trace), 0)
    # Those that drain are beyond the capacity that counts.
    assert max(nodes - draining for _, nodes, draining in result.steps) <= 20
    begun = [nodes for _, nodes, _ in result.steps[:-1] if nodes]
    assert len(begun) >= len(result.steps) - 2
    assert result.cost_ratio > 1
    assert (result.killed > 0) == (policy in KILLERS)
    assert (result.rerun_percent > 0) == (policy in KILLERS)
    assert result.series is None


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_lives_through_losses(policy: str) -> None:
    trace = bursts(2)
    job = Job(0, policy, replace(SETTINGS, maximum=100), seed=3)
    result = run_job(job, [trace], Losses(hourly=(0.5,)))
    assert result.unstarted == 0
    assert result.losses > 0
    assert result == run_job(job, [trace], Losses(hourly=(0.5,)))


def test_keda_comes_from_nothing_by_one_and_then_doubles() -> None:
    trace = trace_of("t", [(1.0, 2000.0)] * 40)
    result = ran("keda", trace)
    # The operator has polled at 0 and polls again at 30 s; the autoscaler may add four at first.
    grown = [(at, nodes) for at, nodes, _ in result.steps if at <= 90]
    assert grown == [(0.0, 0), (30.0, 1), (45.0, 5), (60.0, 10)]


def test_keda_leaves_what_is_within_a_tenth_alone() -> None:
    almost = trace_of("t", [(1.0, 2000.0)] * 40 + [(600.0, 1000.0)] * 3)
    assert nodes_at(ran("keda", almost), 900) == 10
    more = trace_of("t", [(1.0, 2000.0)] * 40 + [(600.0, 1000.0)] * 5)
    assert nodes_at(ran("keda", more), 900) == 12


def test_keda_goes_down_after_five_minutes_and_to_nothing_after_as_many_idle_ones() -> None:
    trace = trace_of("t", [(1.0, 500.0)] * 20 + [(1.0, 3000.0)] * 4 + [(9000.0, 10.0)])
    result = ran("keda-drain", trace)
    started = 30 + 60.0
    for at, nodes, draining in result.steps:
        if started + 520 < at < started + 500 + 290:
            assert (nodes, draining) == (6, 0)
    assert nodes_at(result, started + 500 + 350) < 6
    last = max(at + service for at, service in [(started + 60, 3000.0)])
    assert nodes_at(result, last + 200) >= 1
    assert nodes_at(result, 8000) == 0


def test_a_pod_autoscaler_that_drains_kills_nothing_and_one_that_does_not_kills() -> None:
    trace = bursts(4)
    drains, kills = ran("keda-drain", trace), ran("keda", trace)
    assert drains.killed == 0
    assert kills.killed > len(trace) / 50
    assert kills.rerun_percent > 2


@pytest.mark.parametrize("policy", ["buildkite", "idle-timeout"])
def test_a_node_goes_once_it_has_been_idle_for_ten_minutes(policy: str) -> None:
    result = ran(policy, trace_of("t", [(1.0, 100.0), (5000.0, 1.0)]))
    launched = next(at for at, nodes, _ in result.steps if nodes)
    ended = next(at for at, nodes, _ in result.steps if at > launched and not nodes)
    idle = launched + 60 + 100
    assert idle + 600 <= ended <= idle + 600 + 15
    assert launched <= 15


def test_buildkite_counts_running_jobs_and_taskcluster_only_what_idle_capacity_cannot_take() -> (
    None
):
    # Four run on one node of four slots; a fifth comes.
    trace = trace_of("t", [(1.0, 900.0)] * 4 + [(300.0, 10.0)])
    assert nodes_at(ran("buildkite", trace), 400) == 2
    assert nodes_at(ran("idle-timeout", trace), 400) == 2
    # Two run on one node; two more find room there.
    trace = trace_of("t", [(1.0, 900.0)] * 2 + [(300.0, 10.0)] * 2)
    assert nodes_at(ran("buildkite", trace), 400) == 1
    assert nodes_at(ran("idle-timeout", trace), 400) == 1


def test_target_tracking_follows_its_alarms() -> None:
    case = Case(trace_of("t", [(1.0, 1200.0)] * 60), SETTINGS)
    policy = TargetTracking(case)
    # 300 s of patience and 1200 s a task: one message of backlog for an instance of four slots.
    assert policy.target == 1
    result = ran("target-tracking", case.trace)
    assert nodes_at(result, 60) == 1
    # The first node is in service from 60 s on; the third minute of the alarm ends at 195 s.
    assert nodes_at(result, 180) == 1
    assert nodes_at(result, 195) == 56
    # All are in service at 255 s, nothing waits then, and the fifteenth minute is 840 s later.
    (taken_at, left), (_, fewer) = [(at, n) for at, n, _ in result.steps if at > 195][:2]
    assert (taken_at, left, fewer) == (1095, 51, 46)
    assert result.killed > 0
    assert min(nodes for at, nodes, _ in result.steps[:-1] if at > 0) == 1


def test_simple_undoes_a_drain_before_it_launches() -> None:
    tasks = [(1.0, 1000.0), (1.0, 400.0)] * 8 + [(700.0, 300.0)] * 6
    result = ran("simple", trace_of("t", tasks))
    assert result.launches == 4
    assert result.killed == 0
    assert max(draining for at, _, draining in result.steps if at < 700) == 2
    assert nodes_at(result, 720) == 4


def test_static_is_the_least_that_keeps_the_promise() -> None:
    trace = bursts(5)
    case = Case(trace, SETTINGS)
    policy = Static(case)

    def share(nodes: int) -> float:
        world = Machine(trace, 4, 0.0, case.seed)
        world.launch(nodes)
        world.advance(1e7)
        return sum(1 for wait in world.totals.waits if wait <= 300) / len(trace)

    assert share(policy.nodes) >= KEPT > share(policy.nodes - 1)
    result = ran("static", trace)
    assert {nodes for _, nodes, _ in result.steps[:-1]} == {policy.nodes}
    assert Static(Case(trace, replace(SETTINGS, maximum=3))).nodes == 3


def test_a_schedule_has_the_nodes_of_the_busiest_five_minutes() -> None:
    hour = 3600.0
    trace = trace_of("t", [(10 * hour, 600.0)] * 8 + [(12 * hour + 150, 150.0)])
    peaks = busiest(Case(trace, SETTINGS))
    assert peaks[10] == pytest.approx(8)
    assert peaks[12] == pytest.approx(0.5)
    assert sum(peaks) == pytest.approx(8.5)
    result = ran("schedule", trace)
    assert nodes_at(result, 10 * hour - 61) == 0
    assert nodes_at(result, 10 * hour - 30) > 0
    assert result.in_time_percent == 100
    assert nodes_at(result, 11.5 * hour) == 0


def test_those_with_hindsight_keep_the_promise() -> None:
    trace = bursts(6)
    for policy in HINDSIGHT:
        result = ran(policy, trace)
        assert result.in_time_percent is not None
        assert result.in_time_percent >= 100 * KEPT


def test_a_policy_that_never_acts_ends_the_run() -> None:
    class Idle:
        name = "idle"

        def tick(self, machine: Machine) -> bool:
            return False

        def wakes_at(self, now: float) -> float:
            return float("inf")

    trace = trace_of("t", [(1.0, 5.0), (2.0, 5.0)])
    done = run(Idle(), trace, slots=1, boot_seconds=0.0)
    assert done.machine.unstarted == 2
    assert len(done.machine.unstarted_waits()) == 2


def test_buildkite_looks_every_ten_seconds() -> None:
    assert {name: tick_seconds(name) for name in ("fleet", "buildkite")} == {
        "fleet": 15.0,
        "buildkite": 10.0,
    }
    with pytest.raises(KeyError):
        build("nobody", Case(bursts(), SETTINGS))
