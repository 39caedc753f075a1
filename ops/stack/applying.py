"""Stacks made to be as the manifest wants them: the shared one, then the queues' together."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError
from ops.stack.applied import Applied
from ops.stack.changes import Ended
from ops.stack.follow import delete, execute
from ops.stack.propose import propose
from ops.stack.reviewed import discard
from ops.stack.sizes import check_room, put_back, read_moved
from ops.stack.states import STILLBORN, is_there
from ops.stack.suspend import suspend
from ops.stack.together import Progress, Stop, Told, work_all

if TYPE_CHECKING:
    from ops.stack.changes import Proposal
    from ops.stack.compose import StackPlan
    from ops.stack.flow import Stacks

#: What a stack is after an import, and after any change that held.
_AT_REST: Final = "UPDATE_COMPLETE"


def apply(
    stacks: Stacks, proposals: Mapping[str, Proposal], progress: Progress, told: Told
) -> Applied:
    """Make the changes that were proposed.

    Stops at the first failure: what is under way comes to its end, and nothing more is begun.
    Raises OpsError where AWS does not answer, and on Ctrl-C (exit 130).
    """
    done = Applied()
    try:
        if stacks.shared is not None:
            done = _shared(stacks, stacks.shared, proposals[stacks.shared.name], told)
        work = [(plan, proposals[plan.name]) for plan in stacks.queues.values()]
        if not done.well:
            return done.then(Applied(left=tuple(plan.name for plan, _ in work)))
        return done.then(_work(stacks.with_bucket(), work, told))
    finally:
        left = [one for name, one in proposals.items() if name not in told.begun]
        with contextlib.suppress(OpsError):
            stacks.withdraw(left, progress)


def _shared(stacks: Stacks, plan: StackPlan, proposal: Proposal, told: Told) -> Applied:
    first = stacks.first
    if first is None:
        return _all({plan.name: partial(_with_code, stacks, plan, proposal)}, told)
    # The bucket for the Lambdas' code comes with the stack that has them: first it has none.
    done = _work(stacks, [(first, proposal)], told)
    if not done.well:
        return done
    return done.then(_all({plan.name: partial(_code_last, stacks, plan, proposal)}, told))


def _work(stacks: Stacks, work: Sequence[tuple[StackPlan, Proposal]], told: Told) -> Applied:
    return _all({plan.name: partial(_one, stacks, plan, shown) for plan, shown in work}, told)


def _all(work: Mapping[str, partial[Ended]], told: Told) -> Applied:
    ended, left = work_all(work, told)
    return Applied(tuple(ended), tuple(left))


def _with_code(stacks: Stacks, plan: StackPlan, proposal: Proposal, stop: Stop) -> Ended:
    try:
        stacks.put_code()
    except OpsError:
        with contextlib.suppress(OpsError):
            discard(stacks.client, proposal)
        raise
    return _one(stacks, plan, proposal, stop)


def _code_last(stacks: Stacks, plan: StackPlan, shown: Proposal, stop: Stop) -> Ended:
    stacks.put_code()
    return _again(stacks, plan, shown, stop)


def _one(stacks: Stacks, plan: StackPlan, proposal: Proposal, stop: Stop) -> Ended:
    """Bring one stack to its end, whatever it takes: import, change set, what has no property."""
    shown = proposal
    if proposal.remakes:
        ended = delete(stacks.client, plan.name, stop)
        if not ended.well or stop.is_set():
            return ended
    if proposal.remakes or proposal.waits_for:
        status = stacks.there.status(plan.name)
        proposal = stacks.ask(plan, status if is_there(status) else "")
        _check_shown(stacks, shown, proposal)
    _check_room(stacks, plan, proposal)
    _tag(stacks, proposal)
    moved = read_moved(stacks.autoscaling, plan) if stacks.revert else None
    ended = (
        execute(stacks.client, proposal, stop)
        if proposal.change_set
        else Ended(plan.name, "NO_CHANGE")
    )
    if proposal.imports and ended.well and not stop.is_set():
        ended = _again(stacks, plan, shown, stop)
    if ended.well and plan.suspends and not stop.is_set():
        suspend(stacks.autoscaling, plan.suspends)
    if ended.well and moved is not None and not stop.is_set():
        put_back(stacks.autoscaling, moved.wanted)
    return _swept(stacks, proposal, ended, stop)


def _tag(stacks: Stacks, proposal: Proposal) -> None:
    """Make what is to be imported the fleet's by its tags."""
    try:
        stacks.finder.tag(proposal.imports)
    except OpsError:
        with contextlib.suppress(OpsError):
            discard(stacks.client, proposal)
        raise


def _check_room(stacks: Stacks, plan: StackPlan, proposal: Proposal) -> None:
    """Raise OpsError where nodes were launched meanwhile that the change set has no room for."""
    try:
        check_room(stacks.autoscaling, plan, proposal.most_nodes if proposal.change_set else None)
    except OpsError:
        with contextlib.suppress(OpsError):
            discard(stacks.client, proposal)
        raise


def _again(stacks: Stacks, plan: StackPlan, shown: Proposal, stop: Stop) -> Ended:
    """Change what is left to change in a stack that has just been made."""
    put = stacks.bucket.put_template
    wanted = stacks.fitted(plan).plan
    proposal = propose(stacks.client, wanted, status=_AT_REST, put_template=put)
    if not proposal.change_set:
        return Ended(plan.name, "NO_CHANGE")
    _check_shown(stacks, shown, proposal)
    return execute(stacks.client, proposal, stop)


def _check_shown(stacks: Stacks, shown: Proposal, proposal: Proposal) -> None:
    """Raise OpsError where a change set that came later would lose what the plan did not name."""
    if unseen := sorted(proposal.lost() - shown.lost()):
        with contextlib.suppress(OpsError):
            discard(stacks.client, proposal)
        raise OpsError(
            f"expected what the plan showed, found that {', '.join(unseen)} would be deleted or "
            "replaced as well: nothing of that was done: see ops stack plan, and run it again"
        )


def _swept(stacks: Stacks, proposal: Proposal, ended: Ended, stop: Stop) -> Ended:
    """Remove a stack whose creation failed: nothing is in it, and it would take no change."""
    if proposal.new and ended.status in STILLBORN:
        with contextlib.suppress(OpsError):
            delete(stacks.client, proposal.stack, stop)
    return ended
