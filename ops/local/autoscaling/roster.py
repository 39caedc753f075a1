"""The instances of all groups, and each one's way: what holds it up, what it leads to, who hears.

All methods are called with the groups' lock held.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from ops.local import lifecycle
from ops.local.autoscaling import events
from ops.local.autoscaling.activities import Activities, Way
from ops.local.autoscaling.member import Member
from ops.local.lifecycle import Hook, Life, Pool, Result
from ops.local.machines import Machines

#: After a launch that failed or was abandoned, a group waits so long for the next.
_RETRY_SECONDS: Final = 5.0

Publish = Callable[[str, str, events.Event], None]
"""Publishes an event in an account and a region, and returns at once."""


class Roster:
    """The instances, by their ids, until their machines have ended."""

    def __init__(self, machines: Machines, publish: Publish) -> None:
        self.machines = machines
        self.activities = Activities()
        self.members: dict[str, Member] = {}
        self._publish = publish
        self._not_before: dict[str, float] = {}

    def of(self, group: Any) -> list[Member]:
        """Return a group's instances, those that leave included."""
        return [each for each in self.members.values() if each.group is group]

    def join(self, member: Member) -> None:
        """Take an instance in that was just made."""
        self.members[member.id] = member
        member.group.instance_states.append(member.state)
        hooks = self._hooks(member, "LAUNCHING")
        self._live(member, lifecycle.launched(hooks, now(), _token, member.life.pool))
        self.announce(member, events.state_changed(member.id, member.arn, "pending"))
        self._announce_waits(member)

    def draw(self, member: Member, cause: str) -> None:
        """Launch an instance from the warm pool."""
        self._begin(member, Way.DRAW, "Launching a new EC2 instance from warm pool", cause)
        self._live(member, lifecycle.launched(self._hooks(member, "LAUNCHING"), now(), _token))
        if member.rests:
            member.rests = False
            self.set_state(member, "pending", 0)
            self.machines.start(member.id)
        self._announce_waits(member)
        self.move(member)

    def give_back(self, member: Member, pool: Pool, cause: str) -> None:
        """Have an instance that serves return to the warm pool."""
        self._begin(member, Way.RETURN, "Returning EC2 instance to warm pool", cause)
        hooks = self._hooks(member, "TERMINATING")
        self._live(member, lifecycle.returning(hooks, now(), _token, pool))
        self._announce_waits(member)
        self.move(member)

    def stopped(self, member: Member) -> None:
        """Hear that the machine of an instance has stopped that rests."""
        self.set_state(member, "stopped", 80)
        self.move(member)

    def leave(self, member: Member, cause: str, *, hooks: bool = True) -> None:
        """Have an instance leave its group; with no `hooks`, at once."""
        if member.life.leaving and not member.life.abandoned:
            return
        member.activity.close("Cancelled", "The launch was given up.")
        way = Way.END if member.life.pool is None else Way.END_WARM
        self._begin(member, way, "Terminating EC2 instance", cause)
        held_up_by = self._hooks(member, "TERMINATING") if hooks else []
        self._live(member, lifecycle.leaving(member.life, held_up_by, now(), _token))
        self._announce_waits(member)
        self.move(member)

    def let_go(self, member: Member) -> None:
        """End the waits of an instance that leaves."""
        self._live(member, Life(lifecycle.State.TERMINATING_PROCEED, pool=member.life.pool))
        self.move(member)

    def act(self, member: Member, change: Callable[[Life], Life]) -> None:
        """Change a life as a hook's heartbeat or completion does. Raises NoActionError."""
        self._live(member, change(member.life))
        self.move(member)

    def move(self, member: Member) -> None:
        """Take an instance as far on its way as nothing holds it up."""
        self._live(member, lifecycle.lapsed(member.life, now()))
        if member.life.abandoned:
            self.hold_off(member.group)
            self.leave(member, "a lifecycle action of its launch was abandoned.")
        if member.life.may_serve:
            self._arrive(member)
        if member.life.may_end and not member.ending:
            member.ending = True
            if member.dead:
                self.finish(member)
                return
            self.set_state(member, "shutting-down", 32)
            member.activity.say("InProgress", 60)
            self.machines.end(member.id)

    def _arrive(self, member: Member) -> None:
        """Put an instance where it goes, once its machine is as it is to be there."""
        stops = member.life.pool is Pool.STOPPED
        if member.state.instance.state == ("stopped" if stops else "running"):
            self._live(member, lifecycle.serving(member.life))
            member.activity.close("Successful")
            self._announce_moved(member)
        elif stops and not member.rests and member.state.instance.state == "running":
            member.rests = True
            self.set_state(member, "stopping", 64)
            self.machines.stop(member.id)

    def finish(self, member: Member) -> None:
        """Take an instance out whose machine has ended."""
        self._live(member, lifecycle.gone(member.life))
        self.members.pop(member.id, None)
        group = member.group
        group.instance_states = [each for each in group.instance_states if each is not member.state]
        member.activity.close("Successful")
        self._announce_moved(member)

    def hold_off(self, group: Any) -> None:
        """Have a group wait before it launches again."""
        self._not_before[group.arn] = now() + _RETRY_SECONDS

    def held_off(self, group: Any) -> bool:
        """Whether a group is not to launch yet."""
        return now() < self._not_before.get(group.arn, 0.0)

    def set_state(self, member: Member, name: str, code: int) -> None:
        """Set an instance's state in EC2, which says so; what is terminated stays so."""
        state = member.state.instance._state
        if state.name not in {name, "terminated"}:
            state.name, state.code = name, code
            self.announce(member, events.state_changed(member.id, member.arn, name))

    def announce(self, member: Member, event: events.Event) -> None:
        """Publish an event of an instance."""
        self.publish(member.group, event)

    def publish(self, group: Any, event: events.Event) -> None:
        """Publish an event of a group."""
        self._publish(group.account_id, group.region, event)

    def _live(self, member: Member, life: Life) -> None:
        before, member.life = member.life, life
        if member.standing != "Standby" or life.leaving:
            member.state.lifecycle_state = life.shown
        if before.target != life.target:
            self.machines.tell(member.id, target_lifecycle_state=life.target)

    def _begin(self, member: Member, way: Way, what: str, cause: str) -> None:
        member.activity = self.activities.begin(
            way, member.group, f"{what}: {member.id}", cause, zone=member.zone
        )

    def _hooks(self, member: Member, transition: str) -> list[Hook]:
        return [
            Hook(each.name, each.heartbeat_timeout, Result(each.default_result))
            for each in _hooks_of(member)
            if each.lifecycle_transition == f"autoscaling:EC2_INSTANCE_{transition}"
        ]

    def _announce_waits(self, member: Member) -> None:
        if member.life.waits:
            member.activity.say("MidLifecycleAction", 50)
        metadata = {
            each.name: vars(each).get("notification_metadata") for each in _hooks_of(member)
        }
        for wait in member.life.waits:
            said, way = metadata.get(wait.hook.name), member.activity.way
            self.announce(member, events.hook_waits(member.group, member.id, wait, way, said))

    def _announce_moved(self, member: Member) -> None:
        self.announce(member, events.moved(member.group, member.id, member.arn, member.activity))


def now() -> float:
    """Return the time, in seconds of the epoch."""
    return time.time()


def suspended(group: Any) -> set[str]:
    """Return the names of a group's suspended processes."""
    return {process["ProcessName"] for process in group.suspended_processes}


def _hooks_of(member: Member) -> list[Any]:
    backend = member.group.autoscaling_backend
    hooks: list[Any] = backend.describe_lifecycle_hooks(member.group.name)
    return hooks


def _token() -> str:
    return str(uuid.uuid4())
