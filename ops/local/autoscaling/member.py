"""An instance in its group, as the local Auto Scaling keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ops.local.autoscaling.activities import Activity
from ops.local.autoscaling.choose import Candidate
from ops.local.lifecycle import JOINING, Life, State


@dataclass(slots=True, eq=False)
class Member:
    """An instance: `state` and `group` are moto's. `dead`: its machine has ended.

    `rests`: its machine is stopped, or being stopped, for the warm pool.

    `since` and `reclaim_at` are seconds of the epoch, the latter is when EC2 takes a spot instance
    back. `at_risk`: EC2 recommends to replace it. `ailment` is why it is unhealthy, in words.
    """

    group: Any
    state: Any
    life: Life
    since: float
    version: int
    arn: str
    activity: Activity
    dead: bool = False
    ending: bool = False
    rests: bool = False
    at_risk: bool = False
    ailment: str = ""
    reclaim_at: float | None = None

    @property
    def id(self) -> str:
        """Its instance id."""
        id: str = self.state.instance.id
        return id

    @property
    def zone(self) -> str:
        """Its availability zone."""
        zone: str = self.state.availability_zone
        return zone

    @property
    def counts(self) -> bool:
        """Whether it counts towards the desired capacity: what leaves or stands by does not."""
        return self.standing in JOINING or self.serves

    @property
    def serves(self) -> bool:
        """Whether it is in service."""
        return self.standing == State.IN_SERVICE

    @property
    def standing(self) -> str:
        """Its state as moto shows it, where standby is too."""
        standing: str = self.state.lifecycle_state
        return standing

    @property
    def warm(self) -> bool:
        """Whether it is in the warm pool, or on its way there."""
        return self.life.pool is not None and not self.life.leaving

    @property
    def spot(self) -> bool:
        """Whether it is a spot instance."""
        return bool(self.state.instance.lifecycle == "spot")

    def candidate(self) -> Candidate:
        """Return what a scale-in looks at."""
        return Candidate(self.id, self.zone, self.version, self.since, self.serves)
