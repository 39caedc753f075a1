"""The changes of one queue's group, in their order: what may be sent, and what it meant."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ops.errors import OpsError
from ops.registry.changes import CALL_WITHIN_SECONDS
from ops.scaling.capacity import Refused, Unclear
from ops.scaling.model import Action, Group, Launch, Lifecycle, Replace, Terminate
from ops.scaling.outcomes import LAPSED, Outcome, Work

if TYPE_CHECKING:
    from ops.scaling.capacity import Capacity


class Moment:
    """A moment, and the time since: the longer of two clocks'.

    One of them does not run while the machine is suspended, and the other can be set back.
    """

    def __init__(self) -> None:
        self._wall, self._monotonic = time.time(), time.monotonic()

    def seconds_ago(self) -> float:
        """Return how long ago it was."""
        return max(time.time() - self._wall, time.monotonic() - self._monotonic)


class GroupChanges:
    """Sends the changes of one queue's group.

    `claims` are the nodes whose end is claimed, each with the moment before it was. After `run`,
    `outcomes` are by the action's index in the work, and `to_unclaim` are the nodes that were
    claimed and, surely, not ended.
    """

    def __init__(
        self,
        work: Work,
        capacity: Capacity,
        claims: Mapping[str, Moment],
        holds: Callable[[], bool],
    ) -> None:
        self._work = work
        self._capacity = capacity
        self._claims = claims
        self._holds = holds
        self._desired = 0 if work.group is None else work.group.desired
        self.outcomes: dict[int, Outcome] = {}
        self.to_unclaim: list[tuple[int, str]] = []

    def run(self) -> None:
        """Send them. Raises nothing: the error of an action is its outcome."""
        ending: list[tuple[int, Terminate]] = []
        for index, action in enumerate(self._work.actions):
            if isinstance(action, Terminate):
                if action.node in self._claims:
                    ending.append((index, action))
                    if len(ending) == self._capacity.batch:
                        self._end(ending)
                        ending = []
            elif isinstance(action, (Launch, Replace)):
                self._end(ending)
                ending = []
                self.outcomes[index] = self._outcome(action)
        self._end(ending)

    def _outcome(self, action: Launch | Replace) -> Outcome:
        try:
            if isinstance(action, Launch):
                self._launch(action)
            else:
                group = check_endable(self._work.group, action.node)
                self._check_lease()
                self._capacity.replace(group, action.node, action.why)
        except Exception as error:
            return outcome(action, error)
        return Outcome(action, "done")

    def _launch(self, launch: Launch) -> None:
        group = known(self._work.group)
        if "Launch" in group.suspended:
            raise Refused(f"{group.name} has its Launch process suspended")
        if launch.desired > group.maximum:
            raise Refused(f"{launch.desired} is above the maximum of {group.name}, {group.maximum}")
        if launch.desired <= self._desired:
            # Set as the desired capacity it would end instances of Auto Scaling's own choice.
            raise Refused(f"{group.name} wants {self._desired} already, not {launch.desired}")
        self._check_lease()
        self._capacity.launch(group, launch.desired)
        self._desired = launch.desired

    def _end(self, ending: Sequence[tuple[int, Terminate]]) -> None:
        if not ending:
            return
        nodes = [action.node for _, action in ending]
        error: Exception | None = None
        try:
            self._capacity.end(
                known(self._work.group), self._desired, nodes, lambda: self._in_time(nodes)
            )
        except Exception as raised:
            error = raised
        if not isinstance(error, Refused):
            # Where no answer came they count as gone: the least that can be desired now.
            self._desired -= len(nodes)
        for index, action in ending:
            if error is None:
                self.outcomes[index] = Outcome(action, "done")
                continue
            found = outcome(action, error)
            if found.result == "refused":
                self.to_unclaim.append((index, action.node))
            else:
                why = f"{found.why}: its claim stays, and nothing repeats it"
                found = Outcome(action, "unknown", why)
            self.outcomes[index] = found

    def _in_time(self, nodes: Sequence[str]) -> bool:
        """Whether a decrement may still be sent: another engine may have replaced them later."""
        claimed_ago = max(self._claims[node].seconds_ago() for node in nodes)
        return claimed_ago < CALL_WITHIN_SECONDS and self._holds()

    def _check_lease(self) -> None:
        if not self._holds():
            raise Refused(LAPSED)


def known(group: Group | None) -> Group:
    """Return the group. Raises Refused where it is unknown."""
    if group is None:
        raise Refused("its group is unknown")
    return group


def check_endable(group: Group | None, node: str) -> Group:
    """Return the group if the node may be ended in it, whoever decided it. Raises Refused."""
    group = known(group)
    if "Terminate" in group.suspended:
        raise Refused(f"{group.name} has its Terminate process suspended")
    instance = next((each for each in group.instances if each.id == node), None)
    if instance is None:
        raise Refused(f"it is not in {group.name}")
    if instance.protected:
        raise Refused("it is protected from scale-in")
    if instance.lifecycle in (Lifecycle.LEAVING, Lifecycle.WARM):
        raise Refused(f"it is {instance.lifecycle.value}")
    return group


def outcome(action: Action, error: Exception) -> Outcome:
    """Return the outcome of a change that raised; what nobody foresaw may have been sent."""
    why = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, Refused):
        return Outcome(action, "refused", why)
    if isinstance(error, (Unclear, OpsError)):
        return Outcome(action, "unknown", why)
    return Outcome(action, "unknown", f"{type(error).__name__}: {why}")
