"""What a service's scheduler starts and stops, by what there is and is desired: no I/O.

"Amazon ECS services" in the Developer Guide, and `maximumPercent` and `minimumHealthyPercent` of
DeploymentConfiguration in the API reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.local.ecs.host.seen import UNHEALTHY
from ops.local.ecs.task import RUNNING

if TYPE_CHECKING:
    from ops.local.ecs.task import Task


_DEFAULTS: Final = {"maximumPercent": 200, "minimumHealthyPercent": 100}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many tasks may be there and must run, in percent of those desired."""

    maximum: int
    minimum: int

    @classmethod
    def of(cls, configuration: Mapping[str, Any] | None) -> Bounds:
        """Read a service's `deploymentConfiguration`."""
        known = {**_DEFAULTS, **(configuration or {})}
        return cls(int(known["maximumPercent"]), int(known["minimumHealthyPercent"]))

    def most(self, desired: int) -> int:
        """Return how many tasks may be starting or running."""
        return desired * self.maximum // 100

    def least(self, desired: int) -> int:
        """Return how many tasks are to go on running."""
        return math.ceil(desired * self.minimum / 100)


@dataclass(frozen=True, slots=True)
class Moves:
    """What to do now. `replacing` of those that `start` are for tasks that are `unhealthy`, which
    stop as soon as they may; `surplus` are more than are desired, `old` are of deployments before.
    """

    start: int = 0
    replacing: int = 0
    unhealthy: tuple[Task, ...] = ()
    surplus: tuple[Task, ...] = ()
    old: tuple[Task, ...] = ()


def moves(
    fresh: Sequence[Task], stale: Sequence[Task], desired: int, bounds: Bounds, now: float
) -> Moves:
    """Return what to do about tasks that are to run, the oldest first, and `desired` of them.

    `fresh` are those of the last deployment, and `stale` those before. Who is protected from
    scale-in is spared by scale-in and deployments, and replaced where it is unhealthy.
    """
    ill = [each for each in fresh if each.health == UNHEALTHY]
    well = [each for each in fresh if each.health != UNHEALTHY]
    healthy = [each for each in well if each.healthy]
    missing = max(0, desired - len(fresh))
    room = max(0, bounds.most(desired) - len(fresh) - len(stale) - missing)
    replacing = max(0, min(desired - len(well) - missing, room))
    leaving = max(0, len(healthy) + len(ill) - desired)
    if ill and not leaving and not missing and not room and len(healthy) == len(well):
        # Nothing may be started before something is stopped: one at a time, each replaced first.
        run = sum(each.last_status == RUNNING for each in (*fresh, *stale))
        leaving = int(run - 1 >= bounds.least(desired))
    return Moves(
        missing + replacing,
        replacing,
        tuple(ill[:leaving]),
        _unprotected(well, len(well) - desired, now),
        _unprotected(stale, len(stale) if len(healthy) >= desired else 0, now),
    )


def _unprotected(tasks: Sequence[Task], count: int, now: float) -> tuple[Task, ...]:
    return tuple([each for each in tasks if not each.protected(now)][: max(0, count)])
