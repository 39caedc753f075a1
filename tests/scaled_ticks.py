"""Ticks of a simulated queue: what the engine would read, decide and remember, in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from ops.scaling.backtest.machine import Machine, Task
from ops.scaling.journal import Writer
from ops.scaling.memory import Memory
from ops.scaling.model import Node, QueueSnapshot, Reading
from ops.scaling.settings import Settings
from ops.scaling.tick import QueueTick, decided, written_down

BEGAN = 1_795_000_000.0
TICK_SECONDS = 15.0
RUN = 7


def simulated_ticks(
    count: int,
    *,
    tasks_per_second: float = 0.1,
    service_seconds: float = 60.0,
    queue: str = "video",
    seed: int = 1,
) -> list[QueueTick]:
    """Return ticks of a queue whose tasks come at random, and stop coming in the second half."""
    rng, at = Random(seed), 0.0
    trace: list[Task] = []
    while tasks_per_second and at < count * TICK_SECONDS / 2:
        at += rng.expovariate(tasks_per_second)
        trace.append(Task(round(at, 3), round(rng.expovariate(1 / service_seconds) + 0.1, 3)))
    machine = Machine(trace, 4, 180.0, seed)
    settings = Settings(queue, 4, start_within_seconds=300.0)
    memory, writer = Memory(), Writer()
    ticks = []
    for number in range(1, count + 1):
        machine.advance(number * TICK_SECONDS)
        snapshot = _snapshot(machine, queue, rng)
        text = None
        writer.begin(RUN)
        if writer.is_full(queue):
            text, memory = written_down(memory)
        token = f"{RUN}.{number}"
        tick = replace(decided(snapshot, settings, memory, token, TICK_SECONDS), before=text)
        writer.line(tick)
        ticks.append(tick)
        for action in tick.decision.actions:
            match action.kind:
                case "launch":
                    machine.launch(action.nodes)
                case "pause":
                    machine.pause(action.node, action.token)
                case "resume":
                    machine.resume(action.node, action.token)
                case "terminate":
                    machine.end(action.node)
    return ticks


def lines_of(*queues: Sequence[QueueTick]) -> list[str]:
    """Return the journal's lines of these queues' ticks, tick after tick."""
    writer = Writer()
    lines = []
    for ticks in zip(*queues, strict=True):
        writer.begin(RUN)
        lines += [writer.line(tick) for tick in ticks]
    return lines


def _snapshot(machine: Machine, queue: str, rng: Random) -> QueueSnapshot:
    now = BEGAN + machine.now
    age = machine.oldest_age()
    return QueueSnapshot(
        queue=queue,
        now=now,
        counts=Reading(machine.counts(), now, "sqs:GetQueueAttributes"),
        oldest=Reading(
            None if age is None else round(age, 3),
            now - 60,
            "cloudwatch:GetMetricData",
            "absent: no datapoint in the last 5 minutes" if age is None else "",
        ),
        group=Reading(machine.group(), now, "autoscaling:DescribeAutoScalingGroups"),
        nodes=Reading(
            tuple(sorted((_node(n, now, rng) for n in machine.words()), key=lambda n: n.id)),
            now,
            "dynamodb:Query",
        ),
    )


def _node(node: Node, now: float, rng: Random) -> Node:
    return replace(
        node,
        said_at=round(now - rng.random() * 15, 3),
        joined_at=BEGAN + node.joined_at,
        started=tuple(round(BEGAN + at, 3) for at in node.started),
        recent=tuple((round(BEGAN + at, 3), round(took, 3)) for at, took in node.recent),
    )
