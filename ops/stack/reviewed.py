"""Change sets that nobody is to execute, and the empty stacks that they began."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.stack.pace import pauses
from ops.stack.status import status_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.changes import Proposal

#: Change sets of ours are called so.
PREFIX: Final = "ops-"

_GONE_SECONDS: Final = 300.0


def change_sets(client: CloudFormationClient, stack: str) -> dict[str, str]:
    """Return the names of a stack's change sets by their ids. Raises OpsError."""
    found: dict[str, str] = {}
    with aws_errors(f"reading the change sets of {stack}", service="cloudformation"):
        for page in client.get_paginator("list_change_sets").paginate(StackName=stack):
            for one in page["Summaries"]:
                found[str(one.get("ChangeSetId"))] = str(one.get("ChangeSetName"))
    return found


def check_review(client: CloudFormationClient, stack: str) -> None:
    """Raise OpsError where a stack that is only proposed holds change sets of somebody else's.

    To execute ours would throw theirs away.
    """
    others = [one for one in change_sets(client, stack).values() if not one.startswith(PREFIX)]
    if others:
        raise OpsError(
            f"{stack}: expected no stack, or one that only ops proposed, it is REVIEW_IN_PROGRESS "
            f"with the change set {', '.join(sorted(others))}: execute it, or delete the stack: "
            f"aws cloudformation delete-stack --stack-name {stack}"
        )


def discard(client: CloudFormationClient, proposal: Proposal) -> None:
    """Remove a change set, and the empty stack with it that it began. Raises OpsError.

    A stack that it did not begin, that has another change set by now, or that is no longer in
    review stays as it is.
    """
    if not proposal.change_set:
        return
    alone = proposal.began and not set(change_sets(client, proposal.stack)) - {proposal.change_set}
    review = alone and status_of(client, proposal.stack) == "REVIEW_IN_PROGRESS"
    with aws_errors(f"withdrawing the proposal for {proposal.stack}", service="cloudformation"):
        if not review:
            client.delete_change_set(ChangeSetName=proposal.change_set, StackName=proposal.stack)
            return
        # With its change set: the two one after the other is what CloudFormation fails at
        # (aws-cloudformation/rain issue 477).
        client.delete_stack(StackName=proposal.stack)
    _wait_until_gone(client, proposal.stack)


def _wait_until_gone(client: CloudFormationClient, stack: str) -> None:
    wait, until = pauses(client), time.monotonic() + _GONE_SECONDS
    while (status := status_of(client, stack)) and time.monotonic() < until:
        if not status.endswith("_IN_PROGRESS"):
            raise OpsError(
                f"{stack}: expected the empty stack to be deleted, it is {status}: remove it: "
                f"aws cloudformation delete-stack --stack-name {stack}"
            )
        time.sleep(next(wait))
