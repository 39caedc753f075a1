"""Operations on a stack, followed to their end.

CloudFormation answers before it has begun. A status may still be that of before, so what ends the
wait is the stack's own event with the token of our request.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.stack.changes import Ended, failed
from ops.stack.events import end_of, failure_of, reason_of, with_remedy
from ops.stack.pace import pauses
from ops.stack.states import GONE, is_busy
from ops.stack.status import status_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.changes import Proposal

#: What a stack is that is no longer waited for, and has not even begun as far as can be seen.
_ASKED: Final = "ASKED_IN_PROGRESS"
#: CloudFormation begins within seconds; AWS names no bound.
_BEGINS_SECONDS: Final = 300.0


def execute(client: CloudFormationClient, proposal: Proposal, stop: threading.Event) -> Ended:
    """Execute a change set and wait for the stack to come to rest, or for `stop`.

    CloudFormation goes on by itself where it is no longer waited for. Raises OpsError.
    """
    token = uuid.uuid4().hex
    more: Any = {"ClientRequestToken": token}
    if not proposal.imports:
        # Said, as the API Reference has True for its default, which would leave a stack half made.
        more["DisableRollback"] = False
    with aws_errors(f"applying {proposal.stack}", service="cloudformation"):
        client.execute_change_set(
            ChangeSetName=proposal.change_set, StackName=proposal.stack, **more
        )
    return _followed(client, proposal.stack, proposal.stack, token, stop, well=_holds)


def delete(
    client: CloudFormationClient,
    stack: str,
    stop: threading.Event,
    check: Callable[[], str] = lambda: "",
) -> Ended:
    """Delete a stack and wait for its end, or for `stop`; one at work is waited for before.

    `check` is asked right before the deletion: why it must not be, "" where it may. Raises
    OpsError.
    """
    begun, wait = time.monotonic(), pauses(client)
    while is_busy(status := status_of(client, stack)) and not stop.wait(next(wait)):
        pass
    if not status:
        return Ended(stack, GONE, seconds=time.monotonic() - begun)
    if stop.is_set():
        return Ended(stack, status, seconds=time.monotonic() - begun)
    if why := check():
        return Ended(stack, status, why, time.monotonic() - begun)
    token = uuid.uuid4().hex
    with aws_errors(f"deleting {stack}", service="cloudformation"):
        # By its id it can still be asked after when it is gone.
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
        name = str(found.get("StackId", stack))
        client.delete_stack(StackName=name, ClientRequestToken=token)
    # A stack whose exports are in use goes back to the status that it had, whichever that was
    # (aws/aws-sdk issue 383).
    return _followed(client, stack, name, token, stop, well=lambda status: status == GONE)


def _holds(status: str) -> bool:
    return status != GONE and not failed(status)


def _followed(
    client: CloudFormationClient,
    stack: str,
    by: str,
    token: str,
    stop: threading.Event,
    *,
    well: Callable[[str], bool],
) -> Ended:
    """Wait for the end of the operation that `token` is of; `by` is the stack's name or id."""
    begun, wait = time.monotonic(), pauses(client)
    until = begun + _BEGINS_SECONDS
    while True:
        status = status_of(client, by)
        if is_busy(status):
            until = time.monotonic() + _BEGINS_SECONDS
        elif not status:
            # Whoever deleted it: there is nothing left that could change.
            failure = "" if well(GONE) else "it was deleted meanwhile: run it again"
            return Ended(stack, GONE, failure, time.monotonic() - begun)
        elif (event := end_of(client, by, token)) is not None:
            status, failure = str(event.get("ResourceStatus")), ""
            if not well(status):
                told = failure_of(client, by, token)
                failure = told or with_remedy(reason_of(event)) or status
            return Ended(stack, status, failure, time.monotonic() - begun)
        elif time.monotonic() > until:
            failure = (
                f"expected CloudFormation to say within {_BEGINS_SECONDS / 60:.0f} min how it "
                f"ended, it is {status} and no event of it is told: see its events, and run it "
                "again"
            )
            return Ended(stack, status, failure, time.monotonic() - begun)
        if stop.wait(next(wait)):
            unseen = status if is_busy(status) else _ASKED
            return Ended(stack, unseen, seconds=time.monotonic() - begun)
