"""The simulated queue, group and nodes: worlds small enough to follow by hand, and an independent
queue beside a larger one.
"""

import math
from heapq import heapreplace
from random import Random

import pytest

from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.machine import Machine, Task, reversals
from ops.scaling.backtest.trace import Trace, trace_of
from ops.scaling.model import Lifecycle, Wanted


def machine(
    *tasks: tuple[float, float], slots: int = 1, boot: float = 100.0, **given: object
) -> Machine:
    return Machine(trace_of("t", tasks), slots, boot, 1, **given)  # type: ignore[arg-type]


def busy(world: Machine) -> list[int]:
    return [len(node.started) for node in world.nodes.values()]


def test_a_node_boots_and_takes_what_waits_the_oldest_first() -> None:
    world = machine((10, 50), (20, 5), slots=1)
    world.advance(30)
    assert (world.visible, world.in_flight, world.oldest_age()) == (2, 0, 20)
    world.launch(1)
    assert [each.lifecycle for each in world.group().instances] == [Lifecycle.PENDING]
    assert world.words() == ()
    world.advance(129)
    assert world.visible == 2
    world.advance(130)
    assert (world.visible, world.in_flight) == (1, 1)
    (word,) = world.words()
    assert (word.busy, word.started, word.begun, word.joined_at) == (1, (130.0,), 1, 130)
    world.advance(185)
    assert list(world.totals.waits) == [120, 160]
    assert list(world.started_at) == [130, 180]
    (word,) = world.words()
    assert word.recent == ((180, 50), (185, 5))
    assert world.finished
    world.close()
    assert world.totals.node_seconds == 155
    assert world.steps == [(0.0, 0, 0), (30, 1, 0), (185, 0, 0)]


def test_a_paused_node_hears_within_a_report_and_confirms_once_it_is_idle() -> None:
    world = machine((0, 200), (150, 100), boot=0)
    world.launch(1)
    world.advance(100)
    (node,) = world.nodes
    world.pause(node, "t1")
    world.advance(100 + 15)
    (word,) = world.words()
    assert (word.paused, word.wanted, word.token, word.confirmed) == (True, Wanted.PAUSE, "t1", "")
    world.advance(210)
    (word,) = world.words()
    assert (word.busy, word.confirmed, world.visible) == (0, "t1", 1)
    assert world.steps[-1] == (100, 1, 1)
    world.resume(node, "t2")
    world.advance(225)
    assert busy(world) == [1]
    (word,) = world.words()
    assert (word.paused, word.confirmed) == (False, "")
    assert world.totals.killed == 0


def test_a_killed_task_is_seen_by_nobody_until_its_lease_lapses_and_is_run_again() -> None:
    world = machine((0, 100), slots=1, boot=0)
    world.launch(2)
    world.advance(40)
    (node,) = [node.id for node in world.nodes.values() if node.started]
    world.end(node)
    assert (world.visible, world.in_flight, world.totals.killed) == (0, 1, 1)
    world.advance(99)
    assert (world.visible, world.in_flight, busy(world)) == (0, 1, [0])
    world.advance(100)
    assert (world.in_flight, busy(world)) == (1, [1])
    world.advance(199)
    assert not world.finished
    world.advance(200)
    assert world.finished
    # It has waited once, for its first start.
    assert list(world.totals.waits) == [0]
    assert world.totals.rerun_seconds == 40
    world.close()
    assert world.totals.node_seconds == 40 + 200


def test_a_retired_node_ends_with_its_last_task() -> None:
    world = machine((0, 100), (50, 10), boot=0)
    world.launch(1)
    world.advance(20)
    (node,) = world.nodes
    world.retire(node)
    assert (world.desired, world.steps[-1]) == (0, (20, 1, 1))
    world.advance(90)
    assert (busy(world), world.visible) == ([1], 1)
    world.advance(130)
    assert (list(world.nodes), world.visible, world.totals.killed) == ([], 1, 0)
    assert world.totals.node_seconds == 100
    assert world.steps[-1] == (100, 0, 0)
    world.launch(1)
    world.retire(next(iter(world.nodes)))
    assert list(world.nodes) == []


def test_a_lost_spot_instance_hands_back_what_it_runs_and_is_replaced() -> None:
    world = machine((0, 50), (0, 500), slots=2, boot=60, losses=[100.0])
    world.launch(1, boot_seconds=0.0)
    world.advance(110)
    # One task has ended; the other runs on, and nothing is received.
    assert (busy(world), world.words()[0].paused, world.totals.losses) == ([1], True, 1)
    world.advance(194)
    assert busy(world) == [1]
    world.advance(195)
    assert (busy(world), world.visible, world.totals.lost) == ([0], 1, 1)
    assert world.totals.rerun_seconds == 195
    world.advance(219)
    assert list(world.nodes) == ["i-1"]
    world.advance(220)
    assert (len(world.nodes), world.desired, "i-1" in world.nodes) == (1, 1, False)
    assert world.totals.node_seconds == 220
    world.advance(280)
    assert busy(world) == [1]
    assert list(world.totals.waits) == [0, 0]
    assert (world.totals.killed, world.totals.launches) == (0, 2)


def test_a_node_that_gets_its_notice_while_it_boots_never_receives() -> None:
    world = machine((0, 10), boot=60, losses=[30.0])
    world.launch(1)
    world.advance(100)
    assert (world.visible, busy(world)) == (1, [0])
    world.advance(150 + 60)
    assert busy(world) == [1]


def test_losses_strike_at_their_rate_and_a_run_without_them_is_the_same() -> None:
    tasks = [(float(n), 1.0) for n in range(0, 400_000, 1000)]
    counts = []
    for seed in range(6):
        world = Machine(trace_of("t", tasks), 1, 60.0, seed, Losses(hourly=(0.5,)))
        world.launch(10)
        world.advance(400_000)
        counts.append(world.totals.losses)
    # A node is one for 3600 / 0.5 s and two minutes, and the next takes its place.
    expected = 10 * 400_000 / (7200 + 120)
    assert sum(counts) / 6 == pytest.approx(expected, rel=0.05)
    plain, never = machine((0, 5), boot=1), machine((0, 5), boot=1, losses=[1e9])
    for world in (plain, never):
        world.launch(3)
        world.advance(100)
    assert [n.phase for n in plain.nodes.values()] == [n.phase for n in never.nodes.values()]


def test_the_same_seed_is_the_same_world() -> None:
    def steps(seed: int) -> object:
        rng = Random(0)
        tasks = [(rng.random() * 1000, rng.expovariate(0.01)) for _ in range(200)]
        world = Machine(trace_of("t", tasks), 3, 20.0, seed, Losses(hourly=(3.0,)))
        world.launch(5)
        for at in range(0, 5000, 50):
            world.advance(at)
        return world.steps, list(world.totals.waits), world.totals.lost

    assert steps(1) == steps(1)
    assert steps(1) != steps(2)


@pytest.mark.parametrize(("nodes", "slots"), [(3, 4), (12, 1), (1, 5), (2, 6)])
def test_tasks_wait_as_in_a_queue_of_so_many_servers(nodes: int, slots: int) -> None:
    """Kiefer and Wolfowitz's recursion: each task takes the server that is free the earliest."""
    rng = Random(nodes)
    at, tasks = 0.0, []
    for _ in range(3000):
        at += rng.expovariate(1.0)
        tasks.append((at, rng.expovariate(1 / 10.5)))
    world = Machine(trace_of("t", tasks), slots, 0.0, 7)
    world.launch(nodes)
    world.advance(1e9)
    free = [0.0] * (nodes * slots)
    waits = []
    for arrival, service in tasks:
        start = max(arrival, free[0])
        waits.append(start - arrival)
        heapreplace(free, start + service)
    assert list(world.totals.waits) == pytest.approx(waits)
    assert world.finished


def test_a_list_of_tasks_and_times_of_losses_do_as_well() -> None:
    world = Machine([Task(0, 5), Task(1, 5)], 1, 0.0, 1, [3.0])
    world.launch(1)
    world.advance(1000)
    # From the notice on nothing is received; the next node is there two minutes later.
    assert list(world.totals.waits) == [0, 3 + 120 - 1]


def test_times_are_those_of_a_trace_that_has_dates() -> None:
    begin = 1_700_000_000.0
    trace = Trace(
        "t", trace_of("", [(begin + 5, 1)]).arrivals, trace_of("", [(0, 1)]).services, begin
    )
    world = Machine(trace, 1, 10.0, 1, [0.0])
    assert world.now == begin
    world.launch(1)
    world.advance(begin + 130)
    assert world.totals.losses == 1
    assert world.steps[0] == (begin, 1, 0)


@pytest.mark.parametrize(
    ("nodes", "turns"),
    [([], 0), ([0, 1, 2], 0), ([0, 2, 1], 1), ([0, 2, 2, 1, 1, 3], 2), ([3, 3, 2, 3, 2], 2)],
)
def test_reversals_are_turns_of_the_number_of_nodes(nodes: list[int], turns: int) -> None:
    assert reversals(nodes) == turns


def test_nothing_happens_where_nothing_is_left() -> None:
    world = machine((5, 1), boot=0)
    assert world.next_event() == 5
    world.launch(1)
    world.advance(10)
    assert world.next_event() == math.inf
    world.advance(20)
    assert not world.changed
