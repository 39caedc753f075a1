"""Stacks of the local AWS, for tests: make one, wait for it, ask what failed."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

REGION = "eu-central-1"
_WAIT_SECONDS = 90.0


def client(
    url: str, service: str, *, key: str = "local", retries: int = 0, region: str = REGION
) -> Any:
    """Return a client of the local AWS at `url` that calls with an access key."""
    return _session().create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": retries + 1}),
    )


@cache
def _session() -> botocore.session.Session:
    # Each reads the models of the services anew.
    return botocore.session.Session()


def queue(**properties: Any) -> dict[str, Any]:
    """Return a queue as a resource of a template."""
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def of(**resources: Any) -> dict[str, Any]:
    """Return a template of resources by their logical ids."""
    return {"Resources": resources}


def until(look: Callable[[], Any], what: str, seconds: float = _WAIT_SECONDS) -> Any:
    """Look until something is found, and return it."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)
    return found


def admin(url: str, path: str, method: str = "GET", body: Any = None) -> Any:
    """Call a path under /_fleet/ and return its answer."""
    request = urllib.request.Request(
        f"{url}/_fleet/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class Stacks:
    """Stacks by change sets."""

    def __init__(self, url: str, key: str = "local", region: str = REGION) -> None:
        self.api = client(url, "cloudformation", key=key, region=region)

    def propose(
        self,
        name: str,
        template: Mapping[str, Any] | str,
        kind: str = "UPDATE",
        parameters: Mapping[str, str] | None = None,
        **others: Any,
    ) -> dict[str, Any]:
        """Create a change set and return its description."""
        made = self.api.create_change_set(
            StackName=name,
            ChangeSetName=f"c{time.monotonic_ns()}",
            ChangeSetType=kind,
            TemplateBody=template if isinstance(template, str) else json.dumps(template),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in (parameters or {}).items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **others,
        )
        found: dict[str, Any] = self.api.describe_change_set(ChangeSetName=made["Id"])
        return found

    def execute(self, proposed: Mapping[str, Any]) -> str:
        """Execute a change set, and return the status in which it leaves the stack."""
        self.api.execute_change_set(ChangeSetName=proposed["ChangeSetId"])
        return self.settled(proposed["StackId"])

    def apply(self, name: str, template: Any, kind: str = "UPDATE", **others: Any) -> str:
        """Create and execute a change set."""
        proposed = self.propose(name, template, kind, **others)
        assert proposed["Status"] == "CREATE_COMPLETE", proposed["StatusReason"]
        return self.execute(proposed)

    def settled(self, name: str) -> str:
        """Wait until nothing is done to a stack, and return its status."""

        def look() -> str | None:
            status: str = self.shown(name)["StackStatus"]
            return None if status.endswith("_IN_PROGRESS") else status

        status: str = until(look, f"stack {name}")
        return status

    def shown(self, name: str) -> dict[str, Any]:
        """Return a stack's description."""
        found: dict[str, Any] = self.api.describe_stacks(StackName=name)["Stacks"][0]
        return found

    def delete(self, name: str, **others: Any) -> str:
        """Delete a stack, and return the status in which it ends."""
        stack = self.shown(name)["StackId"]
        self.api.delete_stack(StackName=name, **others)
        return self.settled(stack)

    def reasons(self, name: str) -> dict[str, str]:
        """Return why resources failed, by their logical ids."""
        events = self.api.describe_stack_events(StackName=name)["StackEvents"]
        return {
            event["LogicalResourceId"]: event["ResourceStatusReason"]
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED")
        }

    def physical(self, name: str) -> dict[str, str]:
        """Return the physical ids of a stack's resources."""
        found = self.api.describe_stack_resources(StackName=name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def drifts(self, name: str) -> dict[str, dict[str, Any]]:
        """Detect drift, and return what drifted by logical ids."""
        detection = self.api.detect_stack_drift(StackName=name)["StackDriftDetectionId"]

        def look() -> Any:
            found = self.api.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            return None if found["DetectionStatus"] == "DETECTION_IN_PROGRESS" else found

        found = until(look, "drift")
        assert found["DetectionStatus"] == "DETECTION_COMPLETE", found
        drifts = self.api.describe_stack_resource_drifts(
            StackName=name, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
        )["StackResourceDrifts"]
        assert (found["StackDriftStatus"] == "DRIFTED") == bool(drifts)
        return {each["LogicalResourceId"]: each for each in drifts}
