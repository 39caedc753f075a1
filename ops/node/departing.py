"""Why and by when a node leaves, and what its workers are told then. Pure.

Times are monotonic seconds. A drain is never undone, and its end only ever comes nearer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ops.node.actions import Tell
from ops.node.bounds import (
    HEARTBEATS_AT_MOST,
    HOOK_AT_MOST_SECONDS,
    HOOK_MARGIN_SECONDS,
    OVERDUE_SECONDS,
    SPOT_MARGIN_SECONDS,
    SPOT_NOTICE_SECONDS,
)
from ops.node.seen import AGENT
from worker.manifest.nodes import TASK_DRAIN

if TYPE_CHECKING:
    from ops.node.roll import Roll
    from ops.node.sight import Noticed

#: Lifecycle states as the metadata service names them (EC2 Auto Scaling User Guide, "Retrieve the
#: target lifecycle state through instance metadata").
IN_SERVICE: Final = "InService"
TERMINATED: Final = ("Terminated", "Warmed:Terminated")
WARM: Final = ("Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated")

#: What a worker may still have left of its drain without being told again: it counts from when an
#: order reached it.
_SLACK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Departure:
    """A node that leaves."""

    why: str
    since: float
    deadline: float
    """When what still runs is handed back."""
    spot: bool = False
    spot_at: float | None = None
    """The time that the spot notice names, in seconds since the epoch."""
    terminating: bool = False
    """Its group ends it, and waits in the leaving hook."""

    def overdue(self, now: float) -> bool:
        """Whether its workers should have been gone long ago."""
        return now >= self.deadline + OVERDUE_SECONDS


def drain_seconds(budget_seconds: float, heartbeat_seconds: float) -> float:
    """Return how long a drain in the leaving hook may take."""
    most = min(HOOK_AT_MOST_SECONDS, HEARTBEATS_AT_MOST * heartbeat_seconds)
    return max(0.0, min(budget_seconds, most - HOOK_MARGIN_SECONDS))


def departure(
    before: Departure | None, noticed: Noticed | None, *, wall: float, now: float, within: float
) -> Departure | None:
    """Return whether the node leaves, after what the metadata service says.

    `within` is how long a drain may take where the group ends the node.
    """
    if noticed is None:
        return before
    leaves = before
    for notice in _notices(before, noticed, wall, now, within):
        leaves = _both(leaves, notice)
    return leaves


def stopped(before: Departure | None, *, now: float, budget_seconds: float) -> Departure:
    """Return how a task of ECS leaves whose agent is asked to end: all of it is being stopped."""
    within = min(budget_seconds, TASK_DRAIN.total_seconds())
    notice = Departure("its task is stopped", now, now + within)
    return notice if before is None else _both(before, notice)


def _notices(
    before: Departure | None, noticed: Noticed, wall: float, now: float, within: float
) -> Iterator[Departure]:
    if noticed.target in TERMINATED:
        yield Departure("its group ends it", now, now + within, terminating=True)
    known = before is not None and before.spot and before.spot_at == noticed.spot_at
    # Once for each notice: the clock may be set meanwhile.
    if noticed.spot and not known:
        left = SPOT_NOTICE_SECONDS / 2
        if noticed.spot_at is not None:
            left = min(noticed.spot_at - wall, SPOT_NOTICE_SECONDS)
        deadline = now + max(0.0, left - SPOT_MARGIN_SECONDS)
        why = "its spot instance is taken back"
        yield Departure(why, now, deadline, spot=True, spot_at=noticed.spot_at)


def _both(before: Departure | None, notice: Departure) -> Departure:
    if before is None:
        return notice
    nearer = notice.deadline < before.deadline
    return replace(
        before,
        why=notice.why if nearer else before.why,
        deadline=min(before.deadline, notice.deadline),
        spot=before.spot or notice.spot,
        spot_at=notice.spot_at if notice.spot else before.spot_at,
        terminating=before.terminating or notice.terminating,
    )


def drains(leaves: Departure, roll: Roll, now: float) -> list[Tell]:
    """Return the orders that are still to be given."""
    left = max(0.0, leaves.deadline - now)
    since = 0.0 if roll.looked_at is None else now - roll.looked_at
    return [
        Tell(each.pid, "drain", f"{AGENT}{leaves.why}", left, leaves.spot)
        for each in roll.now
        if each.answers
        and each.phase != "leaving"
        and (
            not each.ending
            or each.deadline is None
            or each.deadline - since > left + _SLACK_SECONDS
            or (leaves.spot and not each.spot)
        )
    ]
