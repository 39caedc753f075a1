"""Operations on a stack, followed to their end."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.stack.changes import Ended, failed
from ops.stack.events import failure_of
from ops.stack.pace import pauses
from ops.stack.states import is_busy
from ops.stack.status import status_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.changes import Proposal


def execute(client: CloudFormationClient, proposal: Proposal, stop: threading.Event) -> Ended:
    """Execute a change set and wait for the stack to come to rest, or for `stop`.

    CloudFormation goes on by itself where it is no longer waited for. Raises OpsError.
    """
    token = uuid.uuid4().hex
    with aws_errors(f"applying {proposal.stack}", service="cloudformation"):
        client.execute_change_set(
            ChangeSetName=proposal.change_set,
            StackName=proposal.stack,
            ClientRequestToken=token,
        )
    return _rest(client, proposal.stack, token, stop)


def delete(client: CloudFormationClient, stack: str, stop: threading.Event) -> Ended:
    """Delete a stack and wait for its end, or for `stop`; one at work is waited for before.

    Raises OpsError.
    """
    token = uuid.uuid4().hex
    before = _rest(client, stack, "", stop)
    if is_busy(before.status) or before.status == "DELETE_COMPLETE":
        return before
    with aws_errors(f"deleting {stack}", service="cloudformation"):
        # By its id it can still be asked after when it is gone.
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
        name = str(found.get("StackId", stack))
        client.delete_stack(StackName=name, ClientRequestToken=token)
    return _rest(client, stack, token, stop, by=name)


def _rest(
    client: CloudFormationClient, stack: str, token: str, stop: threading.Event, by: str = ""
) -> Ended:
    """Wait; why it failed is told of the operation that `token` is of, not of another's."""
    begun, wait = time.monotonic(), pauses(client)
    while is_busy(status := status_of(client, by or stack)) and not stop.wait(next(wait)):
        pass
    failure = ""
    if token and failed(status):
        failure = failure_of(client, by or stack, token) or status
    return Ended(stack, status or "DELETE_COMPLETE", failure, time.monotonic() - begun)
