"""Change sets: what a stack would become, and what that would do to it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from ops.local.cloudformation import existing, live, plan, wishes
from ops.local.cloudformation.errors import Invalid, Refused
from ops.local.cloudformation.model import ChangeSet, Stack, Wish

if TYPE_CHECKING:
    from ops.local.cloudformation.stacks import Stacks

NO_CHANGES: Final = (
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set."
)
_UPDATABLE: Final = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)


def propose(
    stacks: Stacks,
    stack: Stack,
    name: str,
    kind: str,
    wish: Wish,
    *,
    description: str = "",
    revert: bool = False,
) -> ChangeSet:
    """Return a change set for a stack; one that changes nothing, or cannot be, has failed.

    One that is to `revert` drift compares with what is there as well.
    """
    if stack.busy or (kind == "UPDATE" and stack.status not in _UPDATABLE):
        raise Invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
    if name in stack.change_sets:
        raise Invalid(f"ChangeSet {name} already exists for stack {stack.name}")
    changes: list[Any] = []
    there: dict[str, live.Live] = {}
    reason = ""
    try:
        evaluation = stacks.evaluation(stack, wish)
        if wish.import_existing:
            owned = {
                (made.kind, made.physical)
                for other in stacks.all.values()
                if other.deleted is None
                for made in other.resources.values()
            }
            wish = existing.with_existing(evaluation, stacks.place(stack), owned)
            evaluation = stacks.evaluation(stack, wish)
        if revert:
            wanted = evaluation.wanted()
            there = live.looked_at(stack, stacks.place(stack), stacks.types, wanted)
        changes = plan.changes(evaluation, there)
        if kind == "IMPORT":
            wishes.check_import(stack, wish, [c.logical for c in changes if c.action != "Import"])
    except (Invalid, Refused, ClientError) as error:
        reason = str(error)
    if not reason and kind != "CREATE" and not changes and not wishes.told_anew(stack, wish):
        reason = NO_CHANGES
    arn = f"arn:{stacks.partition}:cloudformation:{stacks.region}:{stacks.account}"
    change_set = ChangeSet(
        id=f"{arn}:changeSet/{name}/{uuid.uuid4()}",
        name=name,
        kind=kind,
        wish=wish,
        changes=changes,
        status="FAILED" if reason else "CREATE_COMPLETE",
        execution="UNAVAILABLE" if reason else "AVAILABLE",
        reason=reason,
        description=description,
        drift=live.together(there) if revert else "",
    )
    stack.change_sets[name] = change_set
    return change_set
