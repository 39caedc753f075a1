"""What was changed by hand: CloudFormation's own comparison of stacks with what is there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.stack.pace import pauses
from ops.stack.windows import minimums

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_DETECTION_SECONDS: Final = 600.0
_GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"


@dataclass(frozen=True, slots=True)
class Drift:
    """A property of a resource that is not as its stack has it; `place` is "" if it is gone.

    `wanted` and `found` are whole, however long.
    """

    stack: str
    resource: str
    kind: str
    place: str = ""
    wanted: str = ""
    found: str = ""

    def row(self) -> dict[str, str | None]:
        """Return it as a line of a table."""
        return {
            "stack": self.stack,
            "resource": self.resource,
            "type": self.kind.removeprefix("AWS::"),
            "property": self.place or None,
            "wanted": self.wanted or None,
            "found": self.found or ("deleted" if not self.place else None),
        }


def detect(client: CloudFormationClient, stack: str) -> tuple[Drift, ...]:
    """Have CloudFormation compare a stack with what is there. Raises OpsError."""
    with aws_errors(f"comparing {stack}", service="cloudformation"):
        begun = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
        wait, until = pauses(client), time.monotonic() + _DETECTION_SECONDS
        while True:
            state: Any = client.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
            if state["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            if time.monotonic() > until:
                raise OpsError(
                    f"{stack}: expected an answer within {_DETECTION_SECONDS:.0f} s, it is still "
                    "being compared: run it again"
                )
            time.sleep(next(wait))
        if state["DetectionStatus"] == "DETECTION_FAILED":
            raise OpsError(
                f"{stack}: expected to compare it, CloudFormation could not: "
                f"{state.get('DetectionStatusReason', 'no reason given')}"
            )
        return tuple(
            drift for found in _drifted(client, stack) for drift in differences(stack, found)
        )


def _drifted(client: CloudFormationClient, stack: str) -> Iterator[Mapping[str, Any]]:
    more: dict[str, Any] = {}
    while True:
        page: Any = client.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **more
        )
        yield from page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def differences(stack: str, found: Mapping[str, Any]) -> Iterator[Drift]:
    """Return what an entry of DescribeStackResourceDrifts says, a line a property."""
    resource, kind = found["LogicalResourceId"], found["ResourceType"]
    if found["StackResourceDriftStatus"] == "DELETED":
        yield Drift(stack, resource, kind)
        return
    for one in found.get("PropertyDifferences", []):
        yield Drift(
            stack,
            resource,
            kind,
            one["PropertyPath"].strip("/").replace("/", "."),
            str(one.get("ExpectedValue", "")),
            str(one.get("ActualValue", "")),
        )


def by_windows(client: CloudFormationClient, drifts: Sequence[Drift]) -> tuple[Drift, ...]:
    """Return those that a window of scaling made: a group's minimum, as a scheduled action sets it.

    `drifts` are one stack's, which is asked for its template only where its group's minimum is
    another. Raises OpsError.
    """
    found = [one for one in drifts if (one.kind, one.place) == (_GROUP, "MinSize")]
    if not found:
        return ()
    with aws_errors(f"reading the template of {found[0].stack}", service="cloudformation"):
        template: Any = client.get_template(StackName=found[0].stack)["TemplateBody"]
    # Another's template may be YAML, which botocore leaves as it is.
    known = minimums(template["Resources"]) if isinstance(template, Mapping) else frozenset()
    return tuple(one for one in found if one.found in {str(each) for each in known})
