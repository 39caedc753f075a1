"""A local AWS whose instances are machines, for the tests of groups, hooks and commands."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from ops.local.aws import local_environment
from ops.local.process import start_server

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
PATIENCE_SECONDS = 40.0
JOIN, LEAVE = "fleet-join", "fleet-leave"

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """Return what `look` finds as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}: {found!r}"
        time.sleep(0.05)
    return found


@dataclass
class Fleet:
    """An account of a local AWS at `url`, with its state in `folder`."""

    url: str
    folder: Path
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: Any) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="local",
                aws_secret_access_key="local",
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            )
        return self._clients[service]

    def template(self, name: str, script: str = "#!/bin/sh\n", **more: Any) -> None:
        data = {
            "ImageId": "ami-12c6146b",
            "InstanceType": "m7g.large",
            "UserData": base64.b64encode(script.encode()).decode(),
            **more,
        }
        self.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)

    def group(self, name: str, *, hooks: dict[str, Any] | None = None, **wanted: Any) -> None:
        """Create a group of the template of its name; `hooks` are timeouts, results by name."""
        template = {"LaunchTemplateName": name, "Version": "$Latest"}
        chosen = {"MinSize": 0, "MaxSize": 4, "DesiredCapacity": 1, **wanted}
        if "MixedInstancesPolicy" not in chosen:
            chosen["LaunchTemplate"] = template
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=name,
            AvailabilityZones=[f"{REGION}a", f"{REGION}b"],
            LifecycleHookSpecificationList=[
                {
                    "LifecycleHookName": hook,
                    "LifecycleTransition": "autoscaling:EC2_INSTANCE_"
                    + ("LAUNCHING" if hook == JOIN else "TERMINATING"),
                    "HeartbeatTimeout": seconds,
                    "DefaultResult": result,
                }
                for hook, (seconds, result) in (hooks or {}).items()
            ],
            **chosen,
        )

    def described(self, group: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[group]
        )["AutoScalingGroups"][0]
        return found

    def states(self, group: str) -> dict[str, str]:
        return {each["InstanceId"]: each["LifecycleState"] for each in self.instances(group)}

    def instances(self, group: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.described(group)["Instances"]
        return found

    def serving(self, group: str, count: int) -> list[str]:
        """Return a group's instances in service, once they are `count` and no others are there."""

        def settled() -> tuple[list[str]] | None:
            states = self.states(group)
            done = len(states) == count and set(states.values()) <= {"InService"}
            return (list(states),) if done else None

        return until(f"{count} of {group} in service", settled)[0]

    def in_state(self, group: str, state: str) -> str:
        """Return an instance of a group once it has this state."""
        return until(
            f"{state} in {group}",
            lambda: next((id for id, each in self.states(group).items() if each == state), ""),
        )

    def complete(self, group: str, hook: str, instance: str, result: str = "CONTINUE") -> None:
        self.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=group,
            LifecycleHookName=hook,
            InstanceId=instance,
            LifecycleActionResult=result,
        )

    def activities(self, group: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("autoscaling").describe_scaling_activities(
            AutoScalingGroupName=group
        )["Activities"]
        return found

    def node(self, instance: str) -> Path:
        return self.folder / "nodes" / instance

    def facts(self, instance: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.node(instance) / "instance.json").read_text())
        return found

    def admin(self, instance: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/_fleet/instances/{instance}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def pid(self, instance: str) -> int:
        with urllib.request.urlopen(f"{self.url}/_fleet/instances", timeout=10) as answer:
            told = json.load(answer)["instances"]
        return next(int(each["pid"]) for each in told if each["instance_id"] == instance)

    def empty(self, group: str) -> None:
        """End a group and its instances."""
        self.client("autoscaling").delete_auto_scaling_group(
            AutoScalingGroupName=group, ForceDelete=True
        )

    def hear(self, queue: str) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
        """Have this account's events brought to a queue; returns what has come since."""
        sqs, events = self.client("sqs"), self.client("events")
        url = sqs.create_queue(QueueName=queue)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        pattern = {"source": ["aws.ec2", "aws.autoscaling"]}
        events.put_rule(Name=queue, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=queue, Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])
        heard: list[tuple[str, dict[str, Any]]] = []

        def listen() -> list[tuple[str, dict[str, Any]]]:
            while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                for message in got:
                    body = json.loads(message["Body"])
                    heard.append((body["detail-type"], body["detail"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return heard

        return listen


@contextmanager
def machines(folder: Path, *options: str) -> Iterator[Fleet]:
    """Run a local AWS with machines, and end it."""
    child, url = start_server(
        "local AWS",
        [sys.executable, "-m", "ops.local.server", "--folder", str(folder), *options],
        env={**local_environment("http://127.0.0.1:9", os.environ), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        log=folder / "aws.log",
        on_wait=lambda: None,
    )
    try:
        yield Fleet(url, folder)
    finally:
        child.end()


def refused(call: Callable[[], object]) -> int:
    """Return the status with which an admin path refuses."""
    try:
        call()
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    raise AssertionError("it was taken")
