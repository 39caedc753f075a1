"""Change sets: what CloudFormation says it would do, without doing it."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.stack.changes import ABSENT, Change, Proposal, is_nothing, read_changes

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.compose import StackPlan

#: TemplateBody's limit (CloudFormation quotas); what is larger goes through S3.
INLINE_AT_MOST_BYTES: Final = 51_200
_FIRST_LOOK_SECONDS: Final = 0.1
_LONGEST_LOOK_SECONDS: Final = 3.0
_CHANGE_SET_SECONDS: Final = 300.0


def status_of(client: CloudFormationClient, stack: str) -> str:
    """Return a stack's status, "" where there is none of this name. Raises OpsError."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with aws_errors(f"reading {stack}", service="cloudformation"):
        try:
            return str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            details: Any = error.response.get("Error", {})
            # ValidationError is all that DescribeStacks says of a stack that does not exist.
            if details.get("Code") == "ValidationError" and "does not exist" in str(
                details.get("Message")
            ):
                return ""
            raise


def check_status(stack: str, status: str) -> None:
    """Raise OpsError where a stack in this state takes no change."""
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        raise OpsError(
            f"{stack}: expected a stack that can be changed, it is {status}: its creation or "
            "deletion failed: remove what is left of it with ops stack destroy"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise OpsError(
            f"{stack}: expected a stack that can be changed, it is {status}: "
            f"aws cloudformation continue-update-rollback --stack-name {stack}"
        )
    if status.endswith("_IN_PROGRESS") and status not in ABSENT:
        raise OpsError(
            f"{stack}: expected a stack at rest, it is {status}: somebody is changing it, "
            "wait and run it again"
        )


def propose(
    client: CloudFormationClient,
    plan: StackPlan,
    *,
    status: str,
    put_template: Callable[[bytes], str] | None,
    imports: Sequence[Mapping[str, Any]] = (),
) -> Proposal:
    """Make a change set of a stack and return what is in it; one without changes is removed.

    `status` is the stack's. With `imports` it does nothing but import them, and the plan is of
    these resources alone. `put_template` stores a template that is too large to be sent along and
    returns its URL. Raises OpsError.
    """
    check_status(plan.name, status)
    body = plan.body()
    more: dict[str, Any] = {"ResourcesToImport": list(imports)} if imports else {}
    if len(body.encode()) <= INLINE_AT_MOST_BYTES:
        more["TemplateBody"] = body
    elif put_template is not None:
        more["TemplateURL"] = put_template(body.encode())
    else:
        raise OpsError(
            f"{plan.name}: expected a template of at most {INLINE_AT_MOST_BYTES} bytes while there "
            f"is no bucket to put it into, found {len(body.encode())}: shorten the manifest's lists"
        )
    new = status in ABSENT
    with aws_errors(f"proposing {plan.name}", service="cloudformation"):
        made = client.create_change_set(
            StackName=plan.name,
            ChangeSetName=f"ops-{uuid.uuid4().hex[:12]}",
            ChangeSetType="IMPORT" if imports else "CREATE" if new else "UPDATE",
            Capabilities=list(plan.capabilities),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in sorted(plan.parameters.items())
            ],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(plan.tags.items())],
            **more,
        )
    name = str(made["Id"])
    proposal = Proposal(plan.name, new, (), name)
    try:
        changes = _made(client, plan.name, name)
    except OpsError:
        with contextlib.suppress(OpsError):
            discard(client, proposal)
        raise
    if changes is None:
        discard(client, proposal)
        return Proposal(plan.name, new)
    return replace(proposal, changes=changes)


def discard(client: CloudFormationClient, proposal: Proposal) -> None:
    """Remove a change set, and the empty stack that a new one's began. Raises OpsError.

    The stack is gone then: its name may be taken anew.
    """
    if not proposal.change_set:
        return
    pause, until = _FIRST_LOOK_SECONDS, time.monotonic() + _CHANGE_SET_SECONDS
    with aws_errors(f"withdrawing the proposal for {proposal.stack}", service="cloudformation"):
        client.delete_change_set(ChangeSetName=proposal.change_set, StackName=proposal.stack)
        if not proposal.new:
            return
        client.delete_stack(StackName=proposal.stack)
    while (status := status_of(client, proposal.stack)) and time.monotonic() < until:
        if not status.endswith("_IN_PROGRESS"):
            raise OpsError(
                f"{proposal.stack}: expected the empty stack to be deleted, it is {status}: "
                "remove it with ops stack destroy"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)


def _made(client: CloudFormationClient, stack: str, name: str) -> tuple[Change, ...] | None:
    """Wait for a change set; return its changes, None where it has none."""
    pause, until = _FIRST_LOOK_SECONDS, time.monotonic() + _CHANGE_SET_SECONDS
    while True:
        pages = _pages(client, stack, name)
        status, reason = pages[0]["Status"], str(pages[0].get("StatusReason", ""))
        if status == "CREATE_COMPLETE":
            return read_changes(pages)
        if status == "FAILED" and is_nothing(reason):
            return None
        if status == "FAILED":
            raise OpsError(f"{stack}: expected a change set, CloudFormation refused it: {reason}")
        if time.monotonic() > until:
            raise OpsError(
                f"{stack}: expected a change set within {_CHANGE_SET_SECONDS:.0f} s, it is "
                f"{status}: run it again"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)


def _pages(client: CloudFormationClient, stack: str, name: str) -> list[Any]:
    pages: list[Any] = []
    more: dict[str, Any] = {}
    with aws_errors(f"reading the proposal for {stack}", service="cloudformation"):
        while True:
            page: Any = client.describe_change_set(ChangeSetName=name, StackName=stack, **more)
            pages.append(page)
            if not page.get("NextToken"):
                return pages
            more = {"NextToken": page["NextToken"]}
