"""A local fleet that does what its roles may do: its manifest, its application, and its work."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from ops.local.record import Call, calls
from tests.cloud.local_stacks import admin
from tests.e2e.whole import NAME, REGION, Whole, until
from tests.permissions_used import Account, Role
from worker.delays import ATTRIBUTE, Waiting

MANIFEST = f"""
name = "{NAME}"
region = "{REGION}"
imports = ["may"]
payload_bucket = "{NAME}-payloads"
results = {{ backend = "dynamodb" }}

[defaults]
concurrency = 2
poll = "1s"
lease = "10s"
time_limit = "15m"
drain_budget = "2m"
slo.start_within = "5m"
nodes = {{ max = 1, boot = "10s", heartbeat = "30s" }}
scaling = {{ headroom = "off", predict = "off" }}

[queues.work]
tasks = ["work.*", "celery.*"]

[queues.next]
tasks = ["next.*"]

[queues.apart]
tasks = ["apart.*"]
runtime = "ecs"
nodes = {{ image = "example.test/{NAME}:1", max = 2, boot = "10s" }}
"""

#: Each task notes that it ended, in a file beside the application.
APPLICATION = '''
import os
import pathlib
import signal
import time

from celery import chain, chord, shared_task

from worker.once import once


def note(into, key):
    notes = os.open(into, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(notes, key.encode() + b"\\n")
    os.close(notes)


@shared_task(name="work.everything")
def everything(into):
    chain(grow.s(into), taken.s(into), after.si(into, "chained")).delay()
    chord([add.s(1, 2), add.s(3, 4)], total.s(into)).delay()
    # A little more than SQS delays, so that it is soon due in the delay queue.
    after.apply_async((into, "late"), countdown=902)
    fails.delay()
    again.delay(into)
    effect.delay(into)


@shared_task(name="work.grow", ignore_result=True)
def grow(into):
    """Return what no message holds."""
    return os.urandom(700_000).hex()


@shared_task(name="work.taken")
def taken(large, into):
    note(into, f"taken-{len(large)}")


@shared_task(name="work.add")
def add(x, y):
    return x + y


@shared_task(name="work.total")
def total(numbers, into):
    note(into, f"total-{sum(numbers)}")


@shared_task(name="work.fails")
def fails():
    raise ValueError("on purpose")


@shared_task(bind=True, name="work.again", max_retries=1)
def again(self, into):
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    note(into, "again")


@shared_task(bind=True, name="work.effect", max_retries=1)
@once("effect", ttl="1d")
def effect(self, into):
    """Fail before its effect, so that its claim is given up."""
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    note(into, "effect")


@shared_task(name="next.after")
def after(into, key):
    note(into, key)


@shared_task(name="next.holds")
def next_holds(into):
    holds(into)


@shared_task(name="work.holds")
def work_holds(into):
    holds(into)


def holds(into):
    ends = time.monotonic() + 800
    while time.monotonic() < ends and not pathlib.Path(f"{into}.held").exists():
        time.sleep(0.05)


@shared_task(name="next.ends")
def ends():
    """End the worker that runs it."""
    os.kill(os.getppid(), signal.SIGKILL)
'''


class May:
    """The fleet and its record."""

    def __init__(self, fleet: Whole) -> None:
        self.fleet = fleet
        #: Where tasks note their ends: beside the application, and no part of it.
        self.notes = fleet.folder.parent / "notes"

    def start(self) -> None:
        """Bring it up, empty. A minute between two ticks of its engine takes a few seconds."""
        self.fleet.manifest.write_text(MANIFEST)
        (self.fleet.folder / "may.py").write_text(APPLICATION)
        self.fleet.up("--minute", "8s")
        self.fleet.ops("stack", "apply", "--yes")
        self.fleet.ops("release", "put")

    def publish(self, task: str, *args: Any, count: int = 1) -> None:
        line = json.dumps(args) + "\n"
        self.fleet.ops("tasks", "publish", task, "--from", "-", given=line * count)

    def noted(self, *keys: str) -> None:
        """Wait until tasks have noted all of these."""

        def found() -> set[str]:
            return set(self.notes.read_text().splitlines()) if self.notes.exists() else set()

        until(f"{keys} noted", lambda: set(keys) <= found(), else_=found)

    def called(self, action: str, of: str, on: str = "", **parameters: str) -> None:
        """Wait until a role, by its logical name, has made a call and was answered."""

        def made() -> bool:
            return any(
                each.action == action
                and f"-{of}-" in each.role
                and (not on or any(arn.endswith(f":{on}") for arn in each.resources))
                and parameters.items() <= each.parameters.items()
                and not each.error
                for each in self.record()
            )

        what = f"{action} of {of} on {on} with {parameters}"
        until(what, made, else_=lambda: Counter((each.role, each.action) for each in self.record()))

    def record(self) -> list[Call]:
        return calls(self.fleet.state)

    # -- the delay queue ------------------------------------------------------------------------

    def waits(self, seconds: float) -> None:
        """Put a message into the delay queue, shown at once, of a task due in so many seconds."""
        waiting = Waiting("next", "next.after", "waits", time.time() + seconds)
        self._delayed(MessageAttributes={ATTRIBUTE: _text(waiting.text())})

    def junk(self) -> None:
        """Put what is no task into the delay queue."""
        self._delayed()

    def _delayed(self, **more: Any) -> None:
        sqs = self.fleet.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{NAME}-delayed")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="{}", **more)

    def forward(self) -> None:
        """Have the forwarder do a pass now, and not only by its rule."""
        done = self.fleet.client("lambda").invoke(FunctionName=f"{NAME}-forwarder")
        assert "FunctionError" not in done, done["Payload"].read()

    def uncounted(self) -> None:
        """Have the forwarder no more be told how full the delay queue is."""
        (role,) = (each for each in self.roles() if "-ForwarderRole-" in each)
        fault = {"service": "sqs", "operation": "GetQueueAttributes", "role": role}
        url = self.fleet.env["AWS_ENDPOINT_URL"]
        admin(url, "faults", "POST", {**fault, "code": "InternalError", "status": 500})

    # -- nodes ----------------------------------------------------------------------------------

    def let_go(self) -> None:
        """End the tasks that hold."""
        self.notes.with_name(f"{self.notes.name}.held").touch()

    def ping(self, queue: str) -> None:
        """Ask a node of a queue how it is, through SSM."""
        ssm = self.fleet.client("ssm")
        (node,) = self.fleet.serving(queue, 1)
        sent = ssm.send_command(
            DocumentName=f"{NAME}-node", InstanceIds=[node], Parameters={"Action": ["ping"]}
        )
        asked = {"CommandId": sent["Command"]["CommandId"], "InstanceId": node}

        def answer() -> Any:
            told = ssm.get_command_invocation(**asked)
            return told if told["Status"] not in {"Pending", "InProgress"} else None

        told = until("an answer to a ping", answer)
        assert told["Status"] == "Success", told

    # -- what it may ----------------------------------------------------------------------------

    def roles(self) -> dict[str, Role]:
        """The roles of all stacks, by their names in IAM, with the policies deployed."""
        api, iam = self.fleet.client("cloudformation"), self.fleet.client("iam")
        found = {}
        for stack in api.describe_stacks()["Stacks"]:
            pages = api.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
            for each in (one for page in pages for one in page["StackResourceSummaries"]):
                if each["ResourceType"] == "AWS::IAM::Role":
                    name = each["PhysicalResourceId"]
                    attached = iam.list_attached_role_policies(RoleName=name)
                    assert not attached["AttachedPolicies"], name
                    found[name] = Role(each["LogicalResourceId"], _statements(iam, name))
        return found

    def account(self) -> Account:
        """What the local AWS knows, and a call does not tell."""
        sqs, groups = self.fleet.client("sqs"), self.fleet.client("autoscaling")
        id = self.fleet.client("sts").get_caller_identity()["Account"]
        tags = {}
        for url in sqs.list_queues(QueueNamePrefix=f"{NAME}-")["QueueUrls"]:
            arn = f"arn:aws:sqs:{REGION}:{id}:{url.rpartition('/')[2]}"
            tags[arn] = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        prefix = f"arn:aws:autoscaling:{REGION}:{id}:autoScalingGroup:*:autoScalingGroupName/"
        for group in groups.describe_auto_scaling_groups()["AutoScalingGroups"]:
            arn = prefix + group["AutoScalingGroupName"]
            tags[arn] = {each["Key"]: each["Value"] for each in group["Tags"]}
        # Instances that have ended are told too.
        instances = {
            instance["InstanceId"]: each["Value"]
            for reservation in self.fleet.client("ec2").describe_instances()["Reservations"]
            for instance in reservation["Instances"]
            for each in instance["Tags"]
            if each["Key"] == "aws:autoscaling:groupName"
        }
        return Account(id, REGION, instances, tags)


def _statements(iam: Any, role: str) -> tuple[dict[str, Any], ...]:
    return tuple(
        statement
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"][
            "Statement"
        ]
    )


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}
