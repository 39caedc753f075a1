"""How a group launches an instance: a member of its roster, and a machine.

It is called with the groups' lock held.
"""

from __future__ import annotations

from typing import Any

from moto.autoscaling.models import InstanceState

from ops.local.autoscaling import choose, events, launch
from ops.local.autoscaling.activities import Way
from ops.local.autoscaling.member import Member
from ops.local.autoscaling.roster import Roster, now
from ops.local.lifecycle import Life, Pool, State
from ops.local.machines import Machines


class Launching:
    """Launches instances. `endpoint` is the local AWS's address."""

    def __init__(self, machines: Machines, roster: Roster, endpoint: str) -> None:
        self._machines = machines
        self._roster = roster
        self._endpoint = endpoint

    def launch(self, group: Any, cause: str, into: Pool | None = None) -> bool:
        """Launch an instance for a cause in words, to serve or `into` the warm pool.

        False where none is launched: EC2 refuses, or has refused just now.
        """
        if self._roster.held_off(group):
            return False
        way = Way.LAUNCH if into is None else Way.WARM
        what = f"Launching a new EC2 instance{'' if into is None else ' into warm pool'}"
        spot = into is None and self._next_is_spot(group)
        address, begin = self._machines.address(), self._roster.activities.begin
        try:
            instance = launch.run(group, spot=spot, address=address)
            life = Life(State.PENDING, pool=into)
            facts = launch.facts(group, instance, self._endpoint, life.target)
        except launch.LaunchError as error:
            failed = begin(way, group, f"{what}.", cause)
            failed.close("Failed", str(error))
            self._roster.publish(group, events.moved(group, "", "", failed))
            self._roster.hold_off(group)
            return False
        protected = group.new_instances_protected_from_scale_in
        state = InstanceState(instance, "Pending", protected_from_scale_in=protected)
        subnet = instance.subnet_id or ""
        member = Member(
            group,
            state,
            life,
            now(),
            launch.version_of(group),
            launch.arn_of(group, instance),
            begin(
                way,
                group,
                f"{what}: {instance.id}",
                cause,
                zone=state.availability_zone,
                subnet=subnet,
            ),
        )
        self._machines.launch(instance.id, address, facts, launch.labels(instance))
        self._roster.join(member)
        return True

    def _next_is_spot(self, group: Any) -> bool:
        if not group.mixed_instances_policy:
            return False
        counted = [each for each in self._roster.of(group) if each.counts]
        base, percent = choose.distribution(group.mixed_instances_policy)
        wanted = choose.on_demand_wanted(len(counted) + 1, base, percent)
        return sum(not each.spot for each in counted) >= wanted
