"""Stacks made to be as the manifest wants them: the shared one, then the queues' together."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError
from ops.stack import compose
from ops.stack.applied import Applied
from ops.stack.changes import Ended
from ops.stack.follow import delete, execute
from ops.stack.propose import discard, propose
from ops.stack.suspend import suspend
from ops.stack.together import Stop, Told, work_all

if TYPE_CHECKING:
    from ops.stack.changes import Proposal
    from ops.stack.compose import StackPlan
    from ops.stack.flow import Progress, Stacks

#: What a stack is after an import, and after any change that held.
_AT_REST: Final = "UPDATE_COMPLETE"

#: What a new stack is when nothing of it could be made.
_STILLBORN: Final = frozenset({"ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


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
        return done.then(_work(stacks, work, told))
    finally:
        left = [one for name, one in proposals.items() if name not in told.begun]
        with contextlib.suppress(OpsError):
            stacks.withdraw(left, progress)


def _shared(stacks: Stacks, plan: StackPlan, proposal: Proposal, told: Told) -> Applied:
    if not stacks.is_new:
        stacks.bucket.put_code(stacks.code)
        return _work(stacks, [(plan, proposal)], told)
    # The bucket for the Lambdas' code comes with the stack that has them: first it has none.
    discard(stacks.client, proposal)
    told.begun.add(plan.name)
    bare = compose.shared(stacks.fleet, replace(stacks.account, code=""))
    done = _work(stacks, [(bare, stacks.ask(bare, bucket=False))], told)
    if not done.well:
        return done
    stacks.bucket.put_code(stacks.code)
    return done.then(_work(stacks, [(plan, _again(stacks, plan))], told))


def _work(stacks: Stacks, work: Sequence[tuple[StackPlan, Proposal]], told: Told) -> Applied:
    each = {plan.name: partial(_one, stacks, plan, proposal) for plan, proposal in work}
    ended, left = work_all(each, told)
    return Applied(tuple(ended), tuple(left))


def _one(stacks: Stacks, plan: StackPlan, proposal: Proposal, stop: Stop) -> Ended:
    """Bring one stack to its end, whatever it takes: import, change set, what has no property."""
    if proposal.waits_for:
        proposal = stacks.ask(plan, bucket=True)
    if proposal.imports:
        ended = _import(stacks, plan, proposal, stop)
        if not ended.well or stop.is_set():
            return _swept(stacks, proposal, ended, stop)
        proposal = _again(stacks, plan)
    ended = (
        execute(stacks.client, proposal, stop)
        if proposal.change_set
        else Ended(plan.name, "NO_CHANGE")
    )
    if ended.well and plan.suspends and not stop.is_set():
        suspend(stacks.autoscaling, plan.suspends)
    return _swept(stacks, proposal, ended, stop)


def _import(stacks: Stacks, plan: StackPlan, proposal: Proposal, stop: Stop) -> Ended:
    """Begin a stack with what is there already: an import may do nothing beside."""
    discard(stacks.client, proposal)
    imports = propose(
        stacks.client,
        plan.only(proposal.imports),
        status="",
        put_template=stacks.bucket.put_template,
        imports=tuple(proposal.imports.values()),
    )
    return execute(stacks.client, imports, stop)


def _swept(stacks: Stacks, proposal: Proposal, ended: Ended, stop: Stop) -> Ended:
    """Remove a stack whose creation failed: nothing is in it, and it would take no change."""
    if proposal.new and ended.status in _STILLBORN:
        with contextlib.suppress(OpsError):
            delete(stacks.client, proposal.stack, stop)
    return ended


def _again(stacks: Stacks, plan: StackPlan) -> Proposal:
    """Propose what is left to change in a stack that has just been made."""
    put = stacks.bucket.put_template
    return propose(stacks.client, plan, status=_AT_REST, put_template=put)
