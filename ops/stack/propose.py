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
from ops.stack.changes import Change, Proposal, is_nothing, read_changes
from ops.stack.pace import pauses
from ops.stack.reviewed import PREFIX, check_review, discard
from ops.stack.states import ABSENT
from ops.stack.status import status_of
from ops.stack.validation import refusals

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.compose import StackPlan

#: TemplateBody's limit (CloudFormation quotas); what is larger goes through S3.
INLINE_AT_MOST_BYTES: Final = 51_200
_CHANGE_SET_SECONDS: Final = 300.0
#: What CloudFormation says of a property that a resource cannot change (User Guide, "Using
#: drift-aware change sets": not supported; the words are in coverage-roadmap 2465).
_REPLACES_DRIFTED: Final = "requires replacement of drifted resources"
_BY_HAND: Final = (
    "ops stack drift names it: put that back by hand, or delete the resource if it holds nothing "
    "and run it again, which makes it again"
)


def propose(
    client: CloudFormationClient,
    plan: StackPlan,
    *,
    status: str,
    put_template: Callable[[bytes], str] | None,
    imports: Sequence[Mapping[str, Any]] = (),
    revert: bool = False,
) -> Proposal:
    """Make a change set of a stack and return what is in it; one without changes is removed.

    `status` is the stack's. With `imports` it does nothing but import them, and the plan is of
    these resources alone; of a stack that is there, of what it has beside, and its parameters and
    tags stay. `put_template` stores a template that is too large to be sent along and
    returns its URL. `revert` compares with what is there as well, and puts back what was changed by
    hand (User Guide, "Using drift-aware change sets"). Raises OpsError.
    """
    body = plan.body()
    more: dict[str, Any] = {"ResourcesToImport": list(imports)} if imports else {}
    if revert:
        more["DeploymentMode"] = "REVERT_DRIFT"
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
    given: list[Any]
    if new or not imports:
        more["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(plan.tags.items())]
        values = sorted(plan.parameters.items())
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in values]
    else:
        declared = plan.template.get("Parameters", {})
        given = [{"ParameterKey": key, "UsePreviousValue": True} for key in declared]
    began = new and _is_first(client, plan.name)
    with aws_errors(f"proposing {plan.name}", service="cloudformation"):
        made = client.create_change_set(
            StackName=plan.name,
            ChangeSetName=f"{PREFIX}{uuid.uuid4().hex[:12]}",
            ChangeSetType="IMPORT" if imports else "CREATE" if new else "UPDATE",
            Capabilities=list(plan.capabilities),
            Parameters=given,
            **more,
        )
    name = str(made["Id"])
    proposal = Proposal(plan.name, new, (), name, began=began)
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


def _is_first(client: CloudFormationClient, stack: str) -> bool:
    """Whether a change set of ours will be what begins a stack. Raises OpsError."""
    # Looked up by its name: a stack that is only proposed has no tags yet.
    status = status_of(client, stack)
    if status not in ABSENT:
        raise OpsError(
            f"{stack}: expected no stack of this name, found one that is not this fleet's (it has "
            "no tag fleet:name of it): delete it, or rename the fleet or the queue"
        )
    if status == "REVIEW_IN_PROGRESS":
        check_review(client, stack)
    return status != "REVIEW_IN_PROGRESS"


def _made(client: CloudFormationClient, stack: str, name: str) -> tuple[Change, ...] | None:
    """Wait for a change set; return its changes, None where it has none."""
    wait, until = pauses(client), time.monotonic() + _CHANGE_SET_SECONDS
    while True:
        pages = _pages(client, stack, name)
        status, reason = pages[0]["Status"], str(pages[0].get("StatusReason", ""))
        if status == "CREATE_COMPLETE":
            return read_changes(pages)
        if status == "FAILED" and is_nothing(reason):
            return None
        if status == "FAILED":
            told = refusals(client, stack, name, reason)
            if _REPLACES_DRIFTED in told:
                told += f": {_BY_HAND}"
            raise OpsError(f"{stack}: expected a change set, CloudFormation refused it: {told}")
        if time.monotonic() > until:
            raise OpsError(
                f"{stack}: expected a change set within {_CHANGE_SET_SECONDS:.0f} s, it is "
                f"{status}: run it again"
            )
        time.sleep(next(wait))


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
