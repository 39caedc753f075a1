"""`decide` tick after tick over a simulated queue: calm, nothing killed, and started in time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.machine import Machine, Task
from ops.scaling.backtest.run import Fleet, run
from ops.scaling.settings import Settings
from tests.unit.scaling_parts import TICK, settings_of

PROMISE = 300.0
HOUR = 3_600.0


def after(tasks: Sequence[Task], settings: Settings, losses: Losses | None = None) -> Machine:
    """The world after these tasks were run under the production decisions."""
    ordered = sorted(tasks, key=lambda task: task.arrival)
    boot = settings.boot_seconds
    done = run(Fleet(settings), ordered, slots=settings.slots, boot_seconds=boot, losses=losses)
    return done.machine


def steady(load: float, service: float, hours: float) -> list[Task]:
    """Tasks at even distances that keep so many slots at work."""
    every = service / load
    return [Task(60.0 + n * every, service) for n in range(int(hours * HOUR / every))]


def turns(machine: Machine, until: float) -> list[float]:
    """How long after a launch the fleet shrank, and the other way round, each time it turned."""
    found, moved = [], (0.0, 0)
    before = 0
    for at, now, _ in machine.steps:
        way = (now > before) - (now < before)
        if way and moved[1] and way != moved[1]:
            found.append(at - moved[0])
        if way:
            moved = (at, way)
        before = now
        if at > until:
            break
    return found


@pytest.mark.parametrize("policy", ["depth", "age"])
@pytest.mark.parametrize(
    ("load", "service"), [(3.0, 40.0), (20.0, 90.0), (20.5, 600.0), (7.9, 3_000.0), (40.0, 5.0)]
)
def test_a_constant_load_turns_nothing_within_a_boot(
    policy: str, load: float, service: float
) -> None:
    queue = settings_of(policies=frozenset({policy}), start_within_seconds=PROMISE)
    tasks = steady(load, service, hours=6)
    machine = after(tasks, queue)
    soon = [apart for apart in turns(machine, tasks[-1].arrival) if apart < queue.boot_seconds]
    # Where the load is between two numbers of nodes, `depth` has to miss one before it holds one.
    assert len(soon) <= (policy == "depth")
    assert max(machine.totals.waits) <= PROMISE


some_tasks = st.lists(
    st.builds(Task, st.floats(0.0, 2 * HOUR), st.floats(0.5, 2_000.0)), min_size=1, max_size=60
)
some_settings = st.builds(
    settings_of,
    slots=st.integers(1, 5),
    minimum=st.integers(0, 2),
    boot_seconds=st.floats(20.0, 400.0),
    cool_down_seconds=st.sampled_from((0.0, 600.0)),
)


@settings(max_examples=80, deadline=None)
@given(some_tasks, some_settings)
def test_depth_starts_each_task_a_boot_and_two_ticks_after_it_came(
    tasks: list[Task], queue: Settings
) -> None:
    machine = after(tasks, queue)
    assert len(machine.totals.waits) == len(tasks)
    assert max(machine.totals.waits) <= queue.boot_seconds + 2 * TICK + 1
    assert machine.totals.killed == 0


@settings(max_examples=80, deadline=None)
@given(some_tasks.map(lambda tasks: tasks[:19]), some_settings)
def test_age_starts_each_task_in_time_while_it_knows_nothing_of_them(
    tasks: list[Task], queue: Settings
) -> None:
    promise = queue.boot_seconds + 2 * TICK + 10
    aged = Settings(
        queue="video",
        slots=queue.slots,
        minimum=queue.minimum,
        boot_seconds=queue.boot_seconds,
        start_within_seconds=promise,
        policies=frozenset({"age"}),
        predict="off",
        headroom="off",
    )
    machine = after(tasks, aged)
    assert len(machine.totals.waits) == len(tasks)
    assert max(machine.totals.waits) <= promise
    assert machine.totals.killed == 0


@settings(max_examples=60, deadline=None)
@given(some_tasks, some_settings, st.integers(2, 4), st.sampled_from(("depth", "age")))
def test_what_is_bounded_stays_within_and_starts_all_the_same(
    tasks: list[Task], queue: Settings, most: int, policy: str
) -> None:
    bounded = settings_of(
        slots=queue.slots,
        minimum=queue.minimum,
        maximum=most,
        boot_seconds=queue.boot_seconds,
        start_within_seconds=PROMISE,
        policies=frozenset({policy}),
        step_up=1,
        step_down=1,
    )
    machine = after(tasks, bounded)
    assert max(nodes for _, nodes, _ in machine.steps) <= most
    assert len(machine.totals.waits) == len(tasks)
    assert machine.totals.killed == 0


def busy_day(seed: int) -> list[Task]:
    """A day of tasks that come in waves, alone and in clumps, and run for very different times."""
    r = random.Random(seed)
    at, tasks = 0.0, []
    while at < 12 * HOUR:
        busy = 1 + (at // HOUR) % 4
        at += r.expovariate(busy / 60.0)
        for _ in range(r.choice((1, 1, 1, 2, 12))):
            tasks.append(Task(at, min(7_200.0, r.lognormvariate(4.5, 1.2))))
    return tasks


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_age_keeps_a_promise_for_nearly_all_once_it_knows_them(seed: int) -> None:
    tasks = busy_day(seed)
    queue = settings_of(policies=frozenset({"age"}), start_within_seconds=PROMISE)
    totals = after(tasks, queue).totals
    in_time = sum(wait <= PROMISE for wait in totals.waits)
    assert in_time / len(tasks) >= 0.998
    assert len(totals.waits) == len(tasks)
    assert totals.killed == 0


@pytest.mark.parametrize("policy", ["depth", "age"])
def test_spot_losses_cost_work_and_never_a_kill_of_ours(policy: str) -> None:
    tasks = busy_day(4)
    queue = settings_of(policies=frozenset({policy}), start_within_seconds=PROMISE)
    totals = after(tasks, queue, Losses(hourly=(0.3,))).totals
    assert totals.losses > 10
    assert totals.killed == 0
    assert len(totals.waits) == len(tasks)
    assert sum(wait <= PROMISE for wait in totals.waits) / len(tasks) >= 0.98
