"""`ops stack` after something that was left undone: stacks at work, stuck, in review, half gone."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.errors import OpsError
from ops.local.aws import local_aws
from ops.local.record import calls
from ops.stack.resting import wait_for_rest
from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_shop import Shop

# Dozens of commands, each a process that imports boto3.
pytestmark = pytest.mark.timeout(600)

ONE = {"mail": ""}
TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}


@dataclass(frozen=True, slots=True)
class Begun:
    """A fleet whose stacks are there, and the calls that the first `apply` made."""

    shop: Shop
    state: Path
    shown: str
    called: list[tuple[str, str]]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    folder = tmp_path_factory.mktemp("again")
    state = folder / "state"
    # No schedule fires: nothing is scaled while it is looked at.
    with local_aws(folder, lambda: None, ["--folder", str(state), "--minute", "3600"]) as url:
        shop = Shop(url, folder, "again")
        shop.furnish()
        shop.write(ONE)
        # A queue that is there already: its stack begins with an import.
        shop.ok("queues", "apply", "--yes")
        ran = shop.ok("stack", "apply", "--yes")
        called = [
            (call.operation, str(call.parameters.get("StackName", "")))
            for call in calls(state)
            if call.service == "cloudformation"
        ]
        yield Begun(shop, state, ran.stdout + ran.stderr, called)


@pytest.fixture
def shop(begun: Begun) -> Iterator[Shop]:
    begun.shop.write(ONE)
    yield begun.shop
    admin(begun.shop.url, "faults", "DELETE")


def made(shop: Shop, queue: str, resources: dict[str, Any]) -> str:
    """Create a queue's stack by hand, out of something else; return its name."""
    name = f"{shop.name}-queue-{queue}"
    shop.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources}),
        Tags=[
            {"Key": "fleet:name", "Value": shop.name},
            {"Key": "fleet:queue", "Value": queue},
        ],
    )
    return name


def rests(shop: Shop, stack: str, status: str) -> None:
    until(lambda: shop.stacks().get(stack, "gone") == status or None, f"{stack}: {status}")


def test_what_was_shown_is_what_is_executed(begun: Begun) -> None:
    verbs = [operation for operation, _ in begun.called]
    # Two of the shared stack, whose bucket comes before the code, and of the queue's, whose queues
    # are imported before the rest is made. None is made that is not executed.
    assert verbs.count("CreateChangeSet") == verbs.count("ExecuteChangeSet") == 5
    assert not {"DeleteChangeSet", "DeleteStack"} & set(verbs)
    # The delay queue is imported as well.
    for line in (
        "again-shared: what is there already is imported first, the rest is made by a second "
        "change set",
        "again-shared: the Lambdas come with a second change set: their code needs the bucket of "
        "the first",
    ):
        assert line in begun.shown.splitlines()


def test_a_stack_at_work_is_told_waited_for_and_gone_on_with(shop: Shop) -> None:
    shop.write({**ONE, "slow": ""})
    shop.fault(
        service="autoscaling", operation="CreateAutoScalingGroup", delay_seconds=50.0, times=1
    )
    stack = "again-queue-slow"
    process = shop.process("stack", "apply", "slow", "--yes")
    rests(shop, stack, "CREATE_IN_PROGRESS")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130

    ran = shop.run("stack", "plan", "slow", "--json")
    assert ran.returncode == 3
    told = json.loads(ran.stdout)
    assert told["busy"] == [{"stack": stack, "status": "CREATE_IN_PROGRESS"}]
    assert told["changes"] == []
    assert f"{stack}: CREATE_IN_PROGRESS: what would change there is told once it is at rest" in (
        ran.stderr.splitlines()
    )

    process = shop.process("stack", "apply", "slow", "--yes")
    assert process.stderr.readline() == (
        f"{stack}: CREATE_IN_PROGRESS: waiting until it is at rest\n"
    )
    assert process.stderr.readline() == f"stacks: waiting for {stack}\n"
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert talk.splitlines()[-1] == (
        f"interrupted: nothing was changed; CloudFormation goes on with {stack}"
    )
    assert shop.stacks()[stack] == "CREATE_IN_PROGRESS"

    going: set[str] = set()
    with pytest.raises(OpsError, match=f"within 0 min, .* still at work on {stack}: see why in"):
        wait_for_rest(shop.client("cloudformation"), [stack], going, seconds=0.1)
    assert going == {stack}

    shop.write({**ONE, "slow": 'lease = "95s"'})
    process = shop.process("stack", "apply", "slow", "--yes")
    assert (
        process.stderr.readline() == f"{stack}: CREATE_IN_PROGRESS: waiting until it is at rest\n"
    )
    admin(shop.url, "faults", "DELETE")
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{stack}: update complete" in talk
    attributes = shop.client("sqs").get_queue_attributes(
        QueueUrl=shop.queue_url("slow"), AttributeNames=["VisibilityTimeout"]
    )["Attributes"]
    assert attributes["VisibilityTimeout"] == "95"
    (group,) = shop.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=["again-slow"]
    )["AutoScalingGroups"]
    assert [one["ProcessName"] for one in group["SuspendedProcesses"]] == ["AZRebalance"]


def test_a_stack_whose_first_creation_failed_is_made_anew_and_that_is_told(shop: Shop) -> None:
    shop.fault(service="sns", operation="CreateTopic", code="AuthorizationError", status=403)
    stack = made(shop, "anew", {"Topic": TOPIC})
    rests(shop, stack, "ROLLBACK_COMPLETE")
    admin(shop.url, "faults", "DELETE")
    shop.write({**ONE, "anew": ""})
    ran = shop.run("stack", "plan", "anew")
    assert ran.returncode == 3
    anew = f"{stack}: its first creation failed: it is deleted, empty as it is, and made anew"
    assert anew in ran.stderr.splitlines()
    assert {line.split()[1] for line in ran.stdout.splitlines()[1:]} == {"create"}
    assert shop.stacks()[stack] == "ROLLBACK_COMPLETE"
    ran = shop.ok("stack", "apply", "anew", "--yes")
    assert anew in ran.stderr.splitlines()
    assert shop.stacks()[stack] == "CREATE_COMPLETE"
    assert shop.queue_url("anew")


def test_a_stack_whose_deletion_failed_names_the_cause_and_the_remedy(shop: Shop) -> None:
    stack = made(shop, "stuck", {"Topic": TOPIC})
    rests(shop, stack, "CREATE_COMPLETE")
    shop.fault(service="sns", operation="DeleteTopic", code="AuthorizationError", status=403)
    shop.client("cloudformation").delete_stack(StackName=stack)
    rests(shop, stack, "DELETE_FAILED")
    shop.write({**ONE, "stuck": ""})
    for verb in (["plan"], ["apply", "--yes"]):
        ran = shop.run("stack", *verb)
        assert (ran.returncode, ran.stdout) == (1, "")
        line = ran.stderr.splitlines()[-1]
        assert line.startswith(
            f"{stack}: expected a stack that can be changed, it is DELETE_FAILED "
            "(Topic (SNS::Topic): AuthorizationError"
        )
        assert line.endswith("mend the cause and delete it again: ops stack destroy stuck")
    admin(shop.url, "faults", "DELETE")
    shop.ok("stack", "destroy", "stuck", "--yes")
    assert stack not in shop.stacks()


def test_an_update_that_could_not_be_taken_back_names_the_remedy(shop: Shop) -> None:
    def both(words: str) -> dict[str, Any]:
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": len(words)}}
        topic = {**TOPIC, "DependsOn": "Queue", "Properties": {"DisplayName": words}}
        return {"Queue": queue, "Topic": topic}

    stack = made(shop, "half", both("a"))
    rests(shop, stack, "CREATE_COMPLETE")
    shop.fault(
        service="sns", operation="SetTopicAttributes", code="AuthorizationError", delay_seconds=50.0
    )
    api = shop.client("cloudformation")
    api.update_stack(StackName=stack, TemplateBody=json.dumps({"Resources": both("bcd")}))

    def updated() -> bool | None:
        found = api.describe_stack_resources(StackName=stack, LogicalResourceId="Queue")
        return found["StackResources"][0]["ResourceStatus"] == "UPDATE_COMPLETE" or None

    until(updated, "the queue's update")
    # What is to be taken back is no longer there when the topic's update fails.
    queue = api.describe_stack_resources(StackName=stack, LogicalResourceId="Queue")
    shop.client("sqs").delete_queue(QueueUrl=queue["StackResources"][0]["PhysicalResourceId"])
    admin(shop.url, "faults", "DELETE")
    rests(shop, stack, "UPDATE_ROLLBACK_FAILED")
    shop.write({**ONE, "half": ""})
    ran = shop.run("stack", "apply", "half", "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "it is UPDATE_ROLLBACK_FAILED" in ran.stderr
    assert f"aws cloudformation continue-update-rollback --stack-name {stack}" in ran.stderr
    shop.ok("stack", "destroy", "half", "--yes")


def review(shop: Shop, queue: str, change_set: str) -> str:
    """Propose a queue's stack by hand, and leave it at that; return its name."""
    stack = f"{shop.name}-queue-{queue}"
    shop.client("cloudformation").create_change_set(
        StackName=stack,
        ChangeSetName=change_set,
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Topic": TOPIC}}),
    )
    assert shop.stacks()[stack] == "REVIEW_IN_PROGRESS"
    return stack


def test_what_somebody_else_proposed_is_neither_deleted_nor_run_over(shop: Shop) -> None:
    stack = review(shop, "theirs", "by-hand")
    shop.write({**ONE, "theirs": ""})
    for verb in (["plan", "theirs"], ["apply", "theirs", "--yes"]):
        ran = shop.run("stack", *verb)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.splitlines()[-1] == (
            f"{stack}: expected no stack, or one that only ops proposed, it is REVIEW_IN_PROGRESS "
            "with the change set by-hand: execute it, or delete the stack: aws cloudformation "
            f"delete-stack --stack-name {stack}"
        )
    assert shop.proposed() == ["by-hand"]
    shop.client("cloudformation").delete_stack(StackName=stack)
    rests(shop, stack, "gone")


def test_what_an_earlier_run_of_ours_left_proposed_is_gone_on_with(shop: Shop) -> None:
    stack = review(shop, "left", "ops-0123456789ab")
    shop.write({**ONE, "left": ""})
    assert shop.plan("left")
    # Another run may be at work with it.
    assert shop.proposed() == ["ops-0123456789ab"]
    shop.ok("stack", "apply", "left", "--yes")
    assert shop.stacks()[stack] == "CREATE_COMPLETE"


def test_a_proposal_that_joined_ours_meanwhile_keeps_the_stack(shop: Shop) -> None:
    shop.write({**ONE, "joined": ""})
    shop.fault(service="cloudformation", operation="DescribeChangeSet", delay_seconds=14.0, times=1)
    process = shop.process("stack", "plan", "joined")
    until(lambda: shop.stacks().get("again-queue-joined"), "our proposal")
    stack = review(shop, "joined", "by-hand")
    admin(shop.url, "faults", "DELETE")
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert shop.proposed() == ["by-hand"]
    shop.client("cloudformation").delete_stack(StackName=stack)
    rests(shop, stack, "gone")


def test_a_stack_of_that_name_which_is_another_s_is_refused(shop: Shop) -> None:
    stack = "again-queue-other"
    shop.client("cloudformation").create_stack(
        StackName=stack, TemplateBody=json.dumps({"Resources": {"Topic": TOPIC}})
    )
    shop.write({**ONE, "other": ""})
    ran = shop.run("stack", "apply", "other", "--yes")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(
        f"{stack}: expected no stack of this name, found one that is not this fleet's"
    )
    assert shop.stacks()[stack] == "CREATE_COMPLETE"


def test_a_heartbeat_that_changes_reaches_the_group_that_is_there(shop: Shop) -> None:
    def hooks() -> dict[str, int]:
        found = shop.client("autoscaling").describe_lifecycle_hooks(
            AutoScalingGroupName="again-mail"
        )["LifecycleHooks"]
        return {one["LifecycleHookName"]: one["HeartbeatTimeout"] for one in found}

    before = hooks()
    shop.write({"mail": 'nodes.heartbeat = "11m"'})
    assert shop.plan("mail") == [
        ("again-queue-mail", "change", "Group", "LifecycleHookSpecificationList")
    ]
    shop.ok("stack", "apply", "mail", "--yes")
    assert hooks() == {"fleet-join": 660, "fleet-leave": 660} != before
    assert shop.run("stack", "drift", "mail").returncode == 0
    shop.write(ONE)
    shop.ok("stack", "apply", "mail", "--yes")
    assert hooks() == before


def test_the_first_service_of_a_fleet_waits_for_the_shared_stack_s_cluster(shop: Shop) -> None:
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/media:42"
    shop.write({**ONE, "task": f'runtime = "ecs"\nnodes.image = "{image}"'})
    ran = shop.run("stack", "plan")
    assert ran.returncode == 3
    assert (
        "again-shared does not export yet what they import: what the queues' stacks would create "
        "is read off them"
    ) in ran.stderr.splitlines()
    rows = {tuple(line.split()[:3]) for line in ran.stdout.splitlines()}
    assert ("again-shared", "create", "Cluster") in rows
    assert ("again-queue-task", "create", "Service") in rows
    assert shop.proposed() == []
    shop.ok("stack", "apply", "--yes")
    assert shop.stacks()["again-queue-task"] == "CREATE_COMPLETE"
    shop.ok("stack", "destroy", "task", "--yes")
    shop.write(ONE)
    shop.ok("stack", "apply", "--yes")


def node_items(shop: Shop) -> set[str]:
    pages = shop.client("dynamodb").get_paginator("scan").paginate(TableName="again-registry")
    return {item["item"]["S"] for page in pages for item in page["Items"]}


def claimed(shop: Shop, queue: str, node: str) -> str:
    """Have the engine's claim on a node in the registry; return the item's name."""
    item = f"node#{queue}#{node}"
    moment = {"N": "1700000000"}
    shop.client("dynamodb").put_item(
        TableName="again-registry",
        Item={
            "fleet": {"S": "again"},
            "item": {"S": item},
            "wanted": {"S": "end"},
            "claimed_at": moment,
            "claimed_by": {"N": "1"},
            "claim": {"S": "0123"},
        },
    )
    return item


def test_nodes_whose_end_was_claimed_leave_the_registry_with_their_queue(shop: Shop) -> None:
    shop.write({**ONE, "gone": "", "gone2": ""})
    shop.ok("stack", "apply", "gone", "--yes")
    stays = {claimed(shop, "gone2", "i-1"), claimed(shop, "mail", "i-2")}
    items = {claimed(shop, "gone", "i-3"), claimed(shop, "gone", "i-4")}
    assert node_items(shop) >= stays | items
    shop.fault(service="dynamodb", operation="DeleteItem", code="AccessDeniedException", times=1)
    shop.write({**ONE, "gone2": ""})
    ran = shop.run("stack", "destroy", "gone", "--yes")
    assert ran.returncode == 1
    assert "again-queue-gone: its nodes stay in the registry: AWS: " in ran.stderr
    assert "again-queue-gone" not in shop.stacks()
    assert node_items(shop) >= stays | items
    ran = shop.ok("stack", "destroy", "gone", "--yes")
    assert "1 of 1: gone: delete complete" in ran.stderr
    assert stays <= node_items(shop)
    assert not items & node_items(shop)
    ran = shop.run("stack", "destroy", "gone", "--yes")
    assert ran.returncode == 2


def test_ten_queues_get_through_throttling(begun: Begun, shop: Shop) -> None:
    many = {f"q{number}": "" for number in range(10)}
    shop.write({**ONE, **many})
    for operation in ("CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet"):
        shop.fault(service="cloudformation", operation=operation, code="Throttling", times=3)
    before = len(calls(begun.state))
    told = json.loads(shop.ok("stack", "apply", *many, "--yes", "--json").stdout)
    assert {one["stack"]: one["status"] for one in told["stacks"]} == {
        f"again-queue-{name}": "CREATE_COMPLETE" for name in many
    }
    made_ = [call for call in calls(begun.state)[before:] if call.service == "cloudformation"]
    well = [call.operation for call in made_ if not call.error]
    refused = [call.operation for call in made_ if call.error == "Throttling"]
    assert refused.count("CreateChangeSet") == refused.count("ExecuteChangeSet") == 3
    # One of each a stack, however often it had to be asked.
    assert well.count("CreateChangeSet") == well.count("ExecuteChangeSet") == 10
