"""Operations on a stack, followed to their end."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.stack.changes import Ended, failed, first_failure
from ops.stack.propose import status_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.changes import Proposal

_FIRST_LOOK_SECONDS: Final = 0.2
_LONGEST_LOOK_SECONDS: Final = 4.0
#: A page of events is 100: an operation of ours has fewer than this many.
_MOST_PAGES: Final = 20


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
    """Delete a stack and wait for its end, or for `stop`. Raises OpsError."""
    token = uuid.uuid4().hex
    with aws_errors(f"deleting {stack}", service="cloudformation"):
        # By its id it can still be asked after when it is gone.
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
        name = str(found.get("StackId", stack))
        client.delete_stack(StackName=name, ClientRequestToken=token)
    return _rest(client, stack, token, stop, by=name)


def _rest(
    client: CloudFormationClient, stack: str, token: str, stop: threading.Event, by: str = ""
) -> Ended:
    begun, pause = time.monotonic(), _FIRST_LOOK_SECONDS
    while True:
        status = status_of(client, by or stack)
        if not status.endswith("_IN_PROGRESS") or stop.wait(pause):
            break
        pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
    failure = ""
    if failed(status):
        failure = first_failure(_events(client, by or stack, token)) or status
    return Ended(stack, status or "DELETE_COMPLETE", failure, time.monotonic() - begun)


def _events(client: CloudFormationClient, stack: str, token: str) -> list[Any]:
    """Return the events of one operation, newest first."""
    found: list[Any] = []
    more: dict[str, Any] = {}
    with aws_errors(f"reading the events of {stack}", service="cloudformation"):
        for _ in range(_MOST_PAGES):
            page: Any = client.describe_stack_events(StackName=stack, **more)
            ours = [one for one in page["StackEvents"] if one.get("ClientRequestToken") == token]
            found += ours
            if not page.get("NextToken") or len(ours) < len(page["StackEvents"]):
                break
            more = {"NextToken": page["NextToken"]}
    return found
