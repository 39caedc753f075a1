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
from ops.local.autoscaling.activities import Activities
from ops.local.autoscaling.member import Member
from ops.local.lifecycle import Hook, Life, Result
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
        self._live(member, lifecycle.launched(self._hooks(member, "LAUNCHING"), now(), _token))
        self.announce(member, events.state_changed(member.id, member.arn, "pending"))
        self._announce_waits(member, leaves=False)

    def leave(self, member: Member, cause: str, *, hooks: bool = True) -> None:
        """Have an instance leave its group; with no `hooks`, at once."""
        if member.life.leaving and not member.life.abandoned:
            return
        member.activity.close("Cancelled", "The launch was given up.")
        member.activity = self.activities.begin(
            member.group, f"Terminating EC2 instance: {member.id}", cause, member.zone
        )
        held_up_by = self._hooks(member, "TERMINATING") if hooks else []
        self._live(member, lifecycle.leaving(member.life, held_up_by, now(), _token))
        self._announce_waits(member, leaves=True)
        self.move(member)

    def let_go(self, member: Member) -> None:
        """End the waits of an instance that leaves."""
        self._live(member, Life(lifecycle.State.TERMINATING_PROCEED))
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
        if member.life.may_serve and member.state.instance.state == "running":
            self._live(member, lifecycle.serving(member.life))
            member.activity.close("Successful")
            self._announce_moved(member, leaves=False)
        if member.life.may_end and not member.ending:
            member.ending = True
            if member.dead:
                self.finish(member)
                return
            self.set_state(member, "shutting-down", 32)
            member.activity.say("InProgress", 60)
            self.machines.end(member.id)

    def finish(self, member: Member) -> None:
        """Take an instance out whose machine has ended."""
        self._live(member, lifecycle.gone(member.life))
        self.members.pop(member.id, None)
        group = member.group
        group.instance_states = [each for each in group.instance_states if each is not member.state]
        member.activity.close("Successful")
        self._announce_moved(member, leaves=True)

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
            member.state.lifecycle_state = str(life.state)
        if before.target != life.target:
            self.machines.tell(member.id, target_lifecycle_state=life.target)

    def _hooks(self, member: Member, transition: str) -> list[Hook]:
        return [
            Hook(each.name, each.heartbeat_timeout, Result(each.default_result))
            for each in _hooks_of(member)
            if each.lifecycle_transition == f"autoscaling:EC2_INSTANCE_{transition}"
        ]

    def _announce_waits(self, member: Member, *, leaves: bool) -> None:
        if member.life.waits:
            member.activity.say("MidLifecycleAction", 50)
        metadata = {
            each.name: vars(each).get("notification_metadata") for each in _hooks_of(member)
        }
        for wait in member.life.waits:
            said = metadata.get(wait.hook.name)
            self.announce(member, events.hook_waits(member.group, member.id, wait, leaves, said))

    def _announce_moved(self, member: Member, *, leaves: bool) -> None:
        self.announce(
            member, events.moved(member.group, member.id, member.arn, member.activity, leaves)
        )


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
