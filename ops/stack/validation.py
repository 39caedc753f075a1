"""Why a change set was refused before anything was done: CloudFormation's own validations.

Since November 2025 it looks for wrong properties and for names that are taken, and says in a
change set's reason only that it found some; DescribeEvents has them (User Guide, "Validate stack
deployments").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_MARK: Final = "EarlyValidation"


def refusals(client: CloudFormationClient, stack: str, change_set: str, reason: str) -> str:
    """Return what a change set was refused for, in words; `reason` where nothing more is known."""
    if _MARK not in reason:
        return reason
    try:
        with aws_errors(f"reading what was refused of {stack}", service="cloudformation"):
            page: Any = client.describe_events(
                ChangeSetName=change_set, Filters={"FailedEvents": True}
            )
    except OpsError as error:
        return f"{reason} ({error})"
    return in_words(page.get("OperationEvents", ())) or reason


def in_words(events: Iterable[Mapping[str, Any]]) -> str:
    """Return failed validations, each with its place in the template."""
    return "; ".join(
        f"{event.get('LogicalResourceId', '?')} ({event.get('ValidationPath') or 'template'}): "
        f"{event.get('ValidationStatusReason', 'no reason given')}"
        for event in events
        if event.get("ValidationStatus") == "FAILED"
    )
