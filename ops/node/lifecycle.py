"""What the agent owes the node's group: to join, to stay while it drains, to go, to be replaced.

Pure; times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from ops.node.actions import Beat, Complete, Condemn
from ops.node.bounds import HEARTBEAT_SECONDS, JOIN_ATTEMPTS
from ops.node.retry import AT_ONCE, Retry

if TYPE_CHECKING:
    from ops.node.sight import Result

JOIN: Final = "fleet-join"
LEAVE: Final = "fleet-leave"


@dataclass(frozen=True, slots=True)
class Membership:
    """What has been said to the group."""

    joined: str = ""
    """The lifecycle state for which the joining hook is completed."""
    join: Retry = AT_ONCE
    beat: Retry = AT_ONCE
    completed: bool = False
    complete: Retry = AT_ONCE
    condemned: str = ""
    """Why the node was told to be unhealthy."""
    condemn: Retry = AT_ONCE


@dataclass(frozen=True, slots=True)
class Owed:
    """What is true of the node now."""

    joins: str = ""
    """The lifecycle state whose hook may be completed; empty: none yet."""
    terminating: bool = False
    gone: bool = False
    """Its workers are, and the registry is left."""
    broken: str = ""
    """Why it is beyond repair."""


def owed_to_group(member: Membership, owed: Owed, now: float) -> Beat | Complete | Condemn | None:
    """Return the next call to make, or None. One at a time: the most urgent first."""
    if owed.terminating:
        if owed.gone and not member.completed:
            return Complete(LEAVE) if now >= member.complete.due else None
        # It may wait on, also where the hook that was completed was not the last.
        return Beat() if not member.completed and now >= member.beat.due else None
    if owed.broken and not member.condemned:
        return Condemn(owed.broken) if now >= member.condemn.due else None
    if owed.joins and owed.joins != member.joined and now >= member.join.due:
        return Complete(JOIN, owed.joins)
    return None


def answered(member: Membership, result: Result, now: float, rng: Random) -> Membership:
    """Return what is known after the answer to a call."""
    failed = bool(result.trouble)
    match result.action:
        case Beat():
            # After a failure never later than the next one would be.
            missed = member.beat.failed(now, rng, at_most=HEARTBEAT_SECONDS)
            kept = member.beat.done(now, HEARTBEAT_SECONDS)
            return replace(member, beat=missed if failed else kept)
        case Complete(hook, _) if hook == LEAVE:
            again = member.complete.failed(now, rng) if failed else member.complete
            return replace(member, completed=not failed, complete=again)
        case Complete(_, state):
            return _joined(member, result, state, now, rng)
        case Condemn(why):
            again = member.condemn.failed(now, rng) if failed else member.condemn
            return replace(member, condemned="" if failed else why, condemn=again)
    return member


def _joined(member: Membership, result: Result, state: str, now: float, rng: Random) -> Membership:
    over = result.ended and member.join.failures + 1 >= JOIN_ATTEMPTS
    if result.trouble and not over:
        return replace(member, join=member.join.failed(now, rng))
    return replace(member, joined=state, join=AT_ONCE)
