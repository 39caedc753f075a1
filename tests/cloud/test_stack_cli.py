"""`ops stack` as an operator uses it, over one fleet's life: imported, changed, broken, ended."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_shop import Shop, rows_of, shop_alone

# Dozens of commands, each a process that imports boto3, over a shared stack of forty resources.
pytestmark = pytest.mark.timeout(600)

HEAD = 'payload_bucket = "shop-payloads"'
BOTH = {"mail": "", "video": ""}
#: The Lambdas have the manifest with them: when it changes, they do.
CODE = [
    ("shop-shared", "change", "ForwarderFunction", "Code"),
    ("shop-shared", "change", "ScalingFunction", "Code"),
]


@dataclass(frozen=True, slots=True)
class Begun:
    """A fleet whose stacks are there, what the first plan said, and how the first apply ended."""

    shop: Shop
    planned: list[tuple[str, str, str, str | None]]
    applied: dict[str, Any]
    url_before: str


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    with shop_alone(tmp_path_factory.mktemp("shop"), "shop") as shop:
        # As a fleet that has run without stacks: one queue, with work in it, and its tables.
        shop.write({"mail": ""}, HEAD)
        shop.ok("queues", "apply", "--yes")
        shop.ok("stores", "apply", "--yes")
        shop.send("mail")
        before = shop.queue_url("mail")
        shop.write(BOTH, HEAD)
        planned = shop.plan()
        assert shop.stacks() == {}
        applied = json.loads(shop.ok("stack", "apply", "--yes", "--json").stdout)
        yield Begun(shop, planned, applied, before)


@pytest.fixture
def shop(begun: Begun) -> Iterator[Shop]:
    begun.shop.write(BOTH, HEAD)
    yield begun.shop
    admin(begun.shop.url, "faults", "DELETE")


def count(shop: Shop, queue: str) -> int:
    attributes = shop.client("sqs").get_queue_attributes(
        QueueUrl=shop.queue_url(queue), AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def visibility(shop: Shop, queue: str) -> str:
    attributes: dict[str, str] = shop.client("sqs").get_queue_attributes(
        QueueUrl=shop.queue_url(queue), AttributeNames=["VisibilityTimeout"]
    )["Attributes"]
    return attributes["VisibilityTimeout"]


def table(text: str) -> list[str]:
    """The lines of a table, without its head, a space between two columns."""
    return [" ".join(line.split()) for line in text.splitlines()[1:]]


def test_what_was_there_is_imported_and_the_rest_is_made(begun: Begun) -> None:
    rows = {(stack, resource): change for stack, change, resource, _ in begun.planned}
    assert rows["shop-queue-mail", "Messages"] == "import"
    assert rows["shop-queue-mail", "DeadLetters"] == "import"
    assert rows["shop-shared", "RegistryTable"] == "import"
    assert rows["shop-shared", "DelayQueue"] == "import"
    assert rows["shop-shared", "Payloads"] == "import"
    assert rows["shop-queue-video", "Messages"] == "create"
    assert rows["shop-queue-mail", "Group"] == "create"
    assert set(rows.values()) == {"create", "import"}
    shop = begun.shop
    assert (shop.queue_url("mail"), count(shop, "mail")) == (begun.url_before, 1)
    resources = shop.client("cloudformation").describe_stack_resources(StackName="shop-queue-mail")
    physical = {
        r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources["StackResources"]
    }
    assert physical["Messages"] == begun.url_before


def test_apply_tells_how_each_stack_ended(begun: Begun) -> None:
    assert begun.applied["left"] == []
    ended = [(one["stack"], one["failure"]) for one in begun.applied["stacks"]]
    # The shared stack comes in two halves: its bucket first, then the Lambdas whose code is in it.
    assert [stack for stack, _ in ended[:2]] == ["shop-shared", "shop-shared"]
    assert {stack for stack, _ in ended} == {"shop-shared", "shop-queue-mail", "shop-queue-video"}
    assert {failure for _, failure in ended} == {None}
    assert set(begun.shop.stacks()) == {stack for stack, _ in ended}
    functions = begun.shop.client("lambda").list_functions()["Functions"]
    assert {"shop-scaling", "shop-forwarder"} <= {one["FunctionName"] for one in functions}


def test_a_group_s_zones_are_not_evened_out(shop: Shop) -> None:
    (group,) = shop.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=["shop-mail"]
    )["AutoScalingGroups"]
    assert [one["ProcessName"] for one in group["SuspendedProcesses"]] == ["AZRebalance"]


def test_asked_again_there_is_nothing_to_do(shop: Shop) -> None:
    ran = shop.run("stack", "plan")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr.endswith(
        "the templates bring no change; what was changed by hand: ops stack drift\n"
    )
    assert shop.proposed() == []
    again = json.loads(shop.ok("stack", "apply", "--yes", "--json").stdout)
    assert {one["status"] for one in again["stacks"]} == {"NO_CHANGE"}


def test_one_property_is_one_row_and_is_changed(shop: Shop) -> None:
    before = visibility(shop, "video")
    shop.write({**BOTH, "video": 'lease = "95s"'}, HEAD)
    row = ("shop-queue-video", "change", "Messages", "VisibilityTimeout")
    ran = shop.run("stack", "apply", "--json")
    assert (ran.returncode, rows_of(json.loads(ran.stdout))) == (3, [*CODE, row])
    assert ran.stderr.splitlines()[-1] == (
        "3 changes: nothing was changed: make them with ops stack apply --yes"
    )
    assert visibility(shop, "video") == before != "95"
    only = "shop-queue-video change Messages SQS::Queue VisibilityTimeout"
    ran = shop.ok("stack", "apply", "video", "--yes")
    assert table(ran.stdout) == [only]
    assert "1 of 1: shop-queue-video: update complete" in ran.stderr
    assert "have another manifest: ops stack apply, without QUEUES" in ran.stderr
    assert visibility(shop, "video") == "95"
    # The Lambdas still have the manifest of before: what is left to take back is the queue's.
    shop.write(BOTH, HEAD)
    assert table(shop.ok("stack", "apply", "--yes").stdout) == [only]
    assert visibility(shop, "video") == before


def test_what_was_changed_by_hand_is_named(shop: Shop) -> None:
    before = visibility(shop, "mail")
    change = shop.client("sqs").set_queue_attributes
    change(QueueUrl=shop.queue_url("mail"), Attributes={"VisibilityTimeout": "77"})
    ran = shop.run("stack", "drift")
    assert ran.returncode == 3
    assert table(ran.stdout) == [
        f"shop-queue-mail Messages SQS::Queue VisibilityTimeout {before} 77"
    ]
    ran = shop.run("stack", "drift", "mail", "--json")
    assert ran.returncode == 3
    assert [(d["property"], d["found"]) for d in json.loads(ran.stdout)["drift"]] == [
        ("VisibilityTimeout", "77")
    ]
    assert shop.run("stack", "drift", "video").returncode == 0
    change(QueueUrl=shop.queue_url("mail"), Attributes={"VisibilityTimeout": before})
    ran = shop.run("stack", "drift", "nothing")
    assert ran.returncode == 2
    assert "expected queues that have a stack (mail, video), got nothing" in ran.stderr


def test_one_queue_comes_and_when_it_left_the_manifest_it_is_told_and_ended(shop: Shop) -> None:
    shop.write({**BOTH, "notes": ""}, HEAD)
    ran = shop.ok("stack", "apply", "notes", "--yes")
    assert {line.split()[0] for line in table(ran.stdout)} == {"shop-queue-notes"}
    shop.send("notes")
    shop.write(BOTH, HEAD)
    ran = shop.run("stack", "plan", "--json")
    assert (ran.returncode, json.loads(ran.stdout)["left_over"]) == (0, ["notes"])
    assert (
        "notes: has a stack and is no longer in the manifest: ops stack destroy notes" in ran.stderr
    )
    ran = shop.run("stack", "destroy", "notes", "--yes")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "shop-notes: expected no messages, found 1 waiting: let the workers finish them, or lose "
        "them with --force"
    ]
    ran = shop.run("stack", "destroy", "notes", "--force")
    assert ran.returncode == 2
    assert "expected an answer, stdin is no terminal: add --yes" in ran.stderr
    ran = shop.answer("yes", "stack", "destroy", "notes", "--force")
    assert ran.returncode == 1
    assert "delete shop-queue-notes\n" in ran.stderr
    assert "shop-notes holds messages: 1 waiting: they are lost" in ran.stderr
    assert "nothing was deleted" in ran.stderr
    assert "shop-queue-notes" in shop.stacks()
    ran = shop.answer("shop", "stack", "destroy", "notes", "--force", "--json")
    assert ran.returncode == 0, ran.stderr
    (ended,) = json.loads(ran.stdout)["stacks"]
    assert (ended["stack"], ended["status"]) == ("shop-queue-notes", "DELETE_COMPLETE")
    assert "shop-queue-notes" not in shop.stacks()
    with pytest.raises(ClientError, match=r"does not exist"):
        shop.queue_url("notes")
    ran = shop.run("stack", "destroy", "notes", "--yes")
    assert ran.returncode == 2
    assert "expected queues that have a stack (mail, video), got notes" in ran.stderr


def test_a_stack_that_cannot_be_made_names_the_cause_and_the_next_run_goes_on(shop: Shop) -> None:
    shop.write({**BOTH, "bad": "", "good": ""}, HEAD)
    shop.fault(
        service="autoscaling", operation="CreateAutoScalingGroup", code="LimitExceeded", times=1
    )
    ran = shop.run("stack", "apply", "--yes")
    assert ran.returncode == 1
    (failed,) = (line for line in ran.stderr.splitlines() if "LimitExceeded" in line)
    stack, _, cause = failed.partition(": ")
    assert stack in {"shop-queue-bad", "shop-queue-good"}
    assert cause.startswith("Group (AutoScaling::AutoScalingGroup): ")
    assert f"{stack}: failed" in ran.stderr
    # What was under way came to its end; what failed left no stack that takes no change.
    assert set(shop.stacks().values()) <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert stack not in shop.stacks()
    ran = shop.ok("stack", "apply", "--yes")
    assert f"{stack}: create complete" in ran.stderr
    shop.ok("stack", "destroy", "bad", "good", "--yes")


def test_after_a_failure_of_the_shared_stack_no_queue_is_begun(shop: Shop) -> None:
    shop.write({**BOTH, "late": ""}, HEAD, '[aws]\nalarms_to = ["ops@example.com"]')
    shop.fault(service="sns", operation="Subscribe", code="AuthorizationError", status=403)
    ran = shop.run("stack", "apply", "--yes", "--json")
    assert ran.returncode == 1
    told = json.loads(ran.stdout)
    (ended,) = told["stacks"]
    assert (ended["stack"], ended["status"]) == ("shop-shared", "UPDATE_ROLLBACK_COMPLETE")
    assert "AuthorizationError" in ended["failure"]
    assert told["left"] == ["shop-queue-late", "shop-queue-mail", "shop-queue-video"]
    last, left = ran.stderr.splitlines()[-2:]
    assert last.startswith("shop-shared: AlarmsTo")
    assert left == "not begun: shop-queue-late, shop-queue-mail, shop-queue-video"
    assert "shop-queue-late" not in shop.stacks()
    assert shop.proposed() == []
    admin(shop.url, "faults", "DELETE")
    ended = json.loads(shop.ok("stack", "apply", "--yes", "--json").stdout)["stacks"]
    assert {one["stack"]: one["status"] for one in ended}["shop-queue-late"] == "CREATE_COMPLETE"
    shop.ok("stack", "destroy", "late", "--yes")


def test_an_interruption_says_what_goes_on(shop: Shop) -> None:
    shop.write({**BOTH, "slow": ""}, HEAD)
    shop.fault(
        service="autoscaling", operation="CreateAutoScalingGroup", delay_seconds=4.0, times=1
    )
    process = shop.process("stack", "apply", "slow", "--yes")
    stack = "shop-queue-slow"
    until(lambda: shop.stacks().get(stack) == "CREATE_IN_PROGRESS" or None, "its creation")
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in talk
    assert talk.splitlines()[-1] == (
        "interrupted: CloudFormation goes on with shop-queue-slow; run it again for the rest"
    )
    until(lambda: shop.stacks().get(stack) == "CREATE_COMPLETE" or None, "its end")
    shop.ok("stack", "apply", "slow", "--yes")
    (group,) = shop.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=["shop-slow"]
    )["AutoScalingGroups"]
    assert [one["ProcessName"] for one in group["SuspendedProcesses"]] == ["AZRebalance"]
    shop.ok("stack", "destroy", "slow", "--yes")


def test_an_interrupted_plan_leaves_nothing(shop: Shop) -> None:
    shop.write({**BOTH, "new": ""}, HEAD)
    shop.fault(service="cloudformation", operation="DescribeChangeSet", delay_seconds=2.5, times=4)
    process = shop.process("stack", "plan")
    until(lambda: shop.stacks().get("shop-queue-new"), "the proposal")
    process.send_signal(signal.SIGINT)
    out, talk = process.communicate(timeout=90)
    assert (process.returncode, out) == (130, "")
    assert talk.splitlines()[-1] == "interrupted: nothing was changed"
    assert "shop-queue-new" not in shop.stacks()
    assert shop.proposed() == []


def test_a_plan_that_is_refused_withdraws_what_it_proposed(shop: Shop) -> None:
    shop.write({**BOTH, "new": "", "other": ""}, HEAD)
    shop.fault(service="cloudformation", operation="CreateChangeSet", code="AccessDenied", times=1)
    ran = shop.run("stack", "plan")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].endswith(
        "allow cloudformation:CreateChangeSet for these credentials"
    )
    assert set(shop.stacks()) == {"shop-shared", "shop-queue-mail", "shop-queue-video"}
    assert shop.proposed() == []


def test_all_of_it_is_ended_and_what_outlives_it_is_kept(shop: Shop) -> None:
    ran = shop.run("stack", "destroy", "--yes")
    assert ran.returncode == 1
    assert "shop-mail: expected no messages, found 1 waiting: " in ran.stderr
    shop.client("sqs").purge_queue(QueueUrl=shop.queue_url("mail"))
    ran = shop.ok("stack", "destroy", "--yes", "--json")
    ended = [one["stack"] for one in json.loads(ran.stdout)["stacks"]]
    assert ended[-1] == "shop-shared"
    assert set(ended) == {"shop-shared", "shop-queue-mail", "shop-queue-video"}
    assert shop.stacks() == {}
    buckets = {one["Name"] for one in shop.client("s3").list_buckets()["Buckets"]}
    assert {shop.bucket, "shop-payloads"} <= buckets
    assert "shop-once" in shop.client("dynamodb").list_tables()["TableNames"]
    ran = shop.run("stack", "destroy", "--yes")
    assert (ran.returncode, ran.stderr) == (0, "shop has no stacks\n")
    ran = shop.run("stack", "drift")
    assert ran.returncode == 3
    assert ran.stderr == "shop: expected stacks, found none: ops stack apply --yes\n"
