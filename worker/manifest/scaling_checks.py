"""What does not go together in a queue's nodes, promise and scaling: pure checks across keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.manifest.problems import Problem, dotted
from worker.manifest.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.manifest.nodes import Nodes
    from worker.manifest.queue import Queue


def scaling_conflicts(queue: Queue) -> Iterator[Problem]:
    """Yield what contradicts itself; places are relative to the queue's table."""
    yield from _nodes(queue.nodes)
    scaling = queue.scaling
    if "age" in scaling.policies and queue.slo.start_within is None:
        yield Problem(
            "scaling.policies",
            'expected slo.start_within with "age", got none',
            'add slo.start_within = "5m" (age keeps that promise), or choose ["depth"]',
        )
    if queue.runtime == "ecs" and scaling.predict == "aws":
        yield Problem(
            "scaling.predict",
            'expected "auto" or "off" with runtime = "ecs", got "aws"',
            'choose "auto" (it forecasts too), or runtime = "ec2" (the policy is put on an Auto '
            "Scaling group)",
        )
    if isinstance(scaling.headroom, int) and scaling.headroom > queue.nodes.max:
        yield Problem(
            "scaling.headroom",
            f"expected at most nodes.max ({queue.nodes.max}), got {scaling.headroom}",
            "lower it, or raise nodes.max",
        )
    if queue.nodes.min <= queue.nodes.max:
        yield from _windows(queue)


def _nodes(nodes: Nodes) -> Iterator[Problem]:
    if nodes.min > nodes.max:
        yield Problem(
            "nodes.min",
            f"expected at most nodes.max ({nodes.max}), got {nodes.min}",
            "lower it, or raise nodes.max",
        )
    if nodes.warm_boot > nodes.boot:
        yield Problem(
            "nodes.warm_boot",
            f"expected at most nodes.boot ({format_duration(nodes.boot)}), "
            f"got {format_duration(nodes.warm_boot)}",
            "shorten it, or lengthen nodes.boot",
        )


def _windows(queue: Queue) -> Iterator[Problem]:
    """Hold the windows to the nodes' bounds: a window narrows them, and never widens."""
    nodes = queue.nodes
    for index, window in enumerate(queue.scaling.windows):
        for key in ("min", "max", "desired"):
            value: int | None = getattr(window, key)
            place = dotted("scaling", "windows", index, key)
            if value is not None and value > nodes.max:
                yield Problem(
                    place,
                    f"expected at most nodes.max ({nodes.max}), got {value}",
                    "lower it, or raise nodes.max and lower it by windows of its own",
                )
            if value is not None and value < nodes.min:
                yield Problem(
                    place,
                    f"expected at least nodes.min ({nodes.min}), got {value}",
                    "raise it, or lower nodes.min and raise it by windows of its own",
                )
