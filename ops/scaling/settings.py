"""How one queue is to be scaled: what the manifest says of it, with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from worker.fleet import Queue


@dataclass(frozen=True, slots=True)
class Window:
    """A time that comes again, in which the bounds of a queue are others."""

    begins: str
    """Five fields of cron, in `timezone`."""
    ends: str
    """Five fields of cron, in `timezone`: the first such time after the beginning."""
    timezone: str
    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None
    """At least so many nodes, wherever the minimum is."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The scaling of one queue. Durations are seconds, capacities are nodes unless named slots."""

    queue: str
    slots: int
    """Tasks that run at once on one node."""
    minimum: int = 0
    maximum: int = 300
    boot_seconds: float = 180.0
    """From the launch to the first receive, until it is measured."""
    warm_boot_seconds: float = 45.0
    """The same for a node of the warm pool."""
    start_within_seconds: float | None = None
    """The promise: the longest a task may wait before it starts."""
    policies: frozenset[Literal["depth", "age"]] = frozenset({"depth"})
    predict: Literal["auto", "off", "aws"] = "auto"
    headroom: int | Literal["auto", "off"] = "auto"
    """Free nodes kept; "auto" keeps some only where the promise is shorter than the boot."""
    in_time: float = 0.95
    """The share of tasks for which "auto" headroom is sized: 0.5 to 0.999."""
    windows: tuple[Window, ...] = ()
    step_up: int = 100
    """The most nodes one tick launches."""
    step_down: int = 50
    """The most nodes one tick pauses."""
    cool_down_seconds: float = 0.0
    """The least time from a launch to the next pause."""
    runtime: Literal["ec2", "ecs"] = "ec2"


def settings_of(queue: Queue) -> Settings:
    """Return how a queue of the manifest is scaled; one node runs one worker of it."""
    nodes, scaling, promise = queue.nodes, queue.scaling, queue.slo.start_within
    return Settings(
        queue=queue.name,
        slots=queue.concurrency,
        minimum=nodes.min,
        maximum=nodes.max,
        boot_seconds=nodes.boot.total_seconds(),
        warm_boot_seconds=nodes.warm_boot.total_seconds(),
        start_within_seconds=None if promise is None else promise.total_seconds(),
        policies=frozenset(scaling.policies),
        predict=scaling.predict,
        headroom=scaling.headroom,
        in_time=scaling.in_time,
        windows=tuple(
            Window(w.begins, w.ends, w.timezone, w.min, w.max, w.desired) for w in scaling.windows
        ),
        step_up=scaling.step_up,
        step_down=scaling.step_down,
        cool_down_seconds=scaling.cool_down.total_seconds(),
        runtime=queue.runtime,
    )
