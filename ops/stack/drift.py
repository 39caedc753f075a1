"""What was changed by hand: CloudFormation's own comparison of stacks with what is there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_FIRST_LOOK_SECONDS: Final = 0.2
_LONGEST_LOOK_SECONDS: Final = 4.0
_DETECTION_SECONDS: Final = 600.0
_LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Drift:
    """A property of a resource that is not as its stack has it; `place` is "" if it is gone."""

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
        pause, until = _FIRST_LOOK_SECONDS, time.monotonic() + _DETECTION_SECONDS
        while True:
            state: Any = client.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
            if state["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            if time.monotonic() > until:
                raise OpsError(
                    f"{stack}: expected an answer within {_DETECTION_SECONDS:.0f} s, it is still "
                    "being compared: run it again"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
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
            str(one.get("ExpectedValue", ""))[:_LONGEST_TEXT],
            str(one.get("ActualValue", ""))[:_LONGEST_TEXT],
        )
