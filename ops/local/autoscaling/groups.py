"""Groups whose instances are machines: launched, kept at what is desired, replaced and ended.

All methods but those that say otherwise are called with `lock` held.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from ops.local.autoscaling import choose, events, pool
from ops.local.autoscaling.launching import Launching
from ops.local.autoscaling.member import Member
from ops.local.autoscaling.roster import Publish, Roster, now, suspended
from ops.local.machines import Machines

_log = logging.getLogger(__name__)

#: A machine that ends sooner than this did not come up: the next would not either.
_SHORT_LIVED_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 1.0


class Groups:
    """What becomes of the groups of this process. `endpoint` is the local AWS's address."""

    def __init__(
        self, machines: Machines, publish: Publish, endpoint: str, lock: threading.RLock
    ) -> None:
        self.machines = machines
        self.roster = Roster(machines, publish)
        self.lock = lock
        #: Set at the end of the local AWS: what ends is no longer replaced.
        self.closed = False
        self._launching = Launching(machines, self.roster, endpoint)
        self._groups: dict[str, Any] = {}
        self._changed = threading.Condition(lock)
        machines.on_running = self._running
        machines.on_gone = self._gone
        threading.Thread(target=self._keep, name="groups", daemon=True).start()

    def member(self, instance: str) -> Member | None:
        """Return an instance of a group, until its machine has ended."""
        return self.roster.members.get(instance)

    def settle(self, group: Any) -> None:
        """Launch what a group lacks, end what it has too many, and move all as far as they go."""
        self._groups[group.arn] = group
        for member in self.roster.of(group):
            self.roster.move(member)
        self._balance(group)
        for member in self.roster.of(group):
            self.roster.move(member)
        if vars(group).get("_deleted") and not self.roster.of(group):
            self._groups.pop(group.arn, None)
            group.autoscaling_backend.autoscaling_groups.pop(group.name, None)
        self._changed.notify_all()

    def delete(self, group: Any) -> None:
        """End a group's instances at once, hooks or not, and then the group."""
        vars(group)["_deleted"] = True
        group.status = "Delete in progress"
        for member in self.roster.of(group):
            if member.life.leaving:
                self.roster.let_go(member)
            else:
                self.roster.leave(member, "the group was deleted.", hooks=False)
        self.settle(group)

    def forget(self, instance: str) -> None:
        """Leave an instance to itself: it was detached from its group."""
        self.roster.members.pop(instance, None)
        self.machines.tell(instance, target_lifecycle_state="Detached")

    def unhealthy(self, member: Member, cause: str) -> None:
        """Mark an instance unhealthy; it is replaced as soon as its group may."""
        member.state.health_status, member.ailment = "Unhealthy", cause
        self.settle(member.group)

    def _running(self, instance: str) -> None:
        """Hear, without the lock, that a machine runs."""
        with self.lock:
            member = self.member(instance)
            if member is not None and not member.dead:
                self.roster.set_state(member, "running", 16)
                self.settle(member.group)

    def _gone(self, instance: str) -> None:
        """Hear, with the lock or without it, that a machine has ended."""
        with self.lock:
            member = self.member(instance)
            if member is None:
                return
            if member.rests and not member.ending:
                self.roster.stopped(member)
                self.settle(member.group)
                return
            member.dead = True
            if member.state.instance.state != "terminated":
                member.state.instance.terminate()
            self.roster.announce(member, events.state_changed(member.id, member.arn, "terminated"))
            if member.ending:
                self.roster.finish(member)
            else:
                if now() < member.since + _SHORT_LIVED_SECONDS:
                    self.roster.hold_off(member.group)
                if "HealthCheck" not in suspended(member.group):
                    member.state.health_status = "Unhealthy"
                    member.ailment = (
                        "an instance was taken out of service in response to an EC2 health check "
                        "indicating it has been terminated or stopped."
                    )
            self.settle(member.group)

    def _keep(self) -> None:
        """Move on, without the lock, what time moves."""
        while True:
            with self.lock:
                self._changed.wait(self._idle_seconds())
                try:
                    self._move_on()
                except Exception:  # no group would be kept any more
                    _log.exception("groups")
                    self._changed.wait(_LOOK_SECONDS)

    def _move_on(self) -> None:
        for member in list(self.roster.members.values()):
            if member.reclaim_at is not None and member.reclaim_at <= now():
                member.reclaim_at = None
                self.machines.end(member.id)
            self.roster.move(member)
        for group in list(self._groups.values()):
            self._balance(group)

    def _idle_seconds(self) -> float:
        waits = [each.life.due for each in self.roster.members.values()]
        return max(0.0, min([_LOOK_SECONDS, *(due - now() for due in waits if due is not None)]))

    def _balance(self, group: Any) -> None:
        if self.closed or vars(group).get("_deleted"):
            return
        stopped, members = suspended(group), self.roster.of(group)
        if not stopped & {"ReplaceUnhealthy", "Terminate"}:
            for member in members:
                ill = member.state.health_status == "Unhealthy"
                if ill and (member.counts or member.warm):
                    self.roster.leave(member, member.ailment)
        counted = [each for each in members if each.counts]
        sound = [each for each in counted if not each.at_risk]
        desired = group.desired_capacity or 0
        if "Launch" not in stopped:
            # In a rebalance a group may go a tenth over its maximum (User Guide).
            room = group.max_size + max(1, group.max_size // 10) * (len(sound) < len(counted))
            for _ in range(min(desired - len(sound), room - len(counted))):
                if not (
                    self._draw(group, desired) or self._launching.launch(group, _wanted(desired))
                ):
                    break
        if "Terminate" not in stopped:
            if sum(each.serves for each in sound) >= desired:
                for member in counted:
                    if member.at_risk:
                        self.roster.leave(member, "an instance was replaced at its rebalance.")
            self._scale_in(group, sound, desired)
        self._keep_pool(group, stopped)

    def _scale_in(self, group: Any, counted: list[Member], desired: int) -> None:
        open_to = [each for each in counted if not each.state.protected_from_scale_in]
        for id in choose.victims(
            (each.candidate() for each in open_to),
            len(counted) - desired,
            group.termination_policies,
        ):
            member, cause = self.roster.members[id], f"the capacity was brought down to {desired}."
            if pool.reuses(group) and len(self._warm(group)) < pool.size(group):
                self.roster.give_back(member, pool.kind(group), cause)
            else:
                self.roster.leave(member, cause)

    def _warm(self, group: Any) -> list[Member]:
        return [each for each in self.roster.of(group) if each.warm]

    def _draw(self, group: Any, desired: int) -> bool:
        """Launch the instance that waits for the longest in the warm pool, if one does."""
        ready = [each for each in self._warm(group) if each.life.warmed]
        for member in ready:
            if member.state.health_status == "Healthy":
                self.roster.draw(member, _wanted(desired))
                return True
        return False

    def _keep_pool(self, group: Any, stopped: set[str]) -> None:
        warm, size = self._warm(group), pool.size(group)
        if "Launch" not in stopped:
            for _ in range(size - len(warm)):
                cause = "an instance was started for the warm pool."
                if not self._launching.launch(group, cause, pool.kind(group)):
                    break
        if "Terminate" not in stopped:
            for member in warm[size:]:
                self.roster.leave(member, f"the warm pool was brought down to {size}.")
        pool.forget(group, empty=not any(each.life.pool for each in self.roster.of(group)))


def _wanted(desired: int) -> str:
    return f"an instance was started in response to a desired capacity of {desired}."
