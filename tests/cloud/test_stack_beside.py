"""`ops stack` beside others: their proposals and stacks, the engine's claims, AWS's rates."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ops.local.record import calls
from ops.stack.there import read_there
from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_begun import ONE, TOPIC, Begun, begin, rests
from tests.cloud.stack_shop import Shop

# Dozens of commands, over a shared stack of forty resources.
pytestmark = pytest.mark.timeout(600)

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/media:42"
SERVICE = f'runtime = "ecs"\nnodes.image = "{IMAGE}"'


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    with begin(tmp_path_factory.mktemp("again")) as begun:
        yield begun


@pytest.fixture
def shop(begun: Begun) -> Iterator[Shop]:
    begun.shop.write(ONE)
    yield begun.shop
    admin(begun.shop.url, "faults", "DELETE")


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


def test_a_stack_of_others_with_the_fleet_s_tag_is_not_the_fleet_s(shop: Shop) -> None:
    cloudformation = shop.client("cloudformation")
    cloudformation.create_stack(
        StackName="zz-network",
        TemplateBody=json.dumps({"Resources": {"Topic": TOPIC}}),
        Tags=[{"Key": "fleet:name", "Value": "again"}],
    )
    pace = {"Delay": 1, "MaxAttempts": 60}
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="zz-network", WaiterConfig=pace)
    found = read_there(cloudformation, "again").stacks
    assert "zz-network" not in found
    # What `destroy` would delete as the shared stack.
    assert [one.name for one in found.values() if not one.queue] == ["again-shared"]
    assert "zz-network" in str(cloudformation.describe_stacks()["Stacks"])
    cloudformation.delete_stack(StackName="zz-network")
    gone = cloudformation.get_waiter("stack_delete_complete")
    gone.wait(StackName="zz-network", WaiterConfig=pace)


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
    shop.write({**ONE, "task": SERVICE})
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


def test_what_a_later_change_set_would_lose_unseen_is_not_done(shop: Shop) -> None:
    stack = "again-queue-moves"
    shop.write({**ONE, "moves": ""})
    shop.ok("stack", "apply", "moves", "--yes")
    # What its stack loses with that CloudFormation can say only once there is a cluster.
    shop.write({**ONE, "moves": SERVICE})
    ran = shop.run("stack", "apply", "--yes")
    assert ran.returncode == 1
    assert f"{stack}  perhaps change  (any)" in ran.stdout
    assert (
        f"{stack}: expected what the plan showed, found that Deployments, Group, NodeProfile, "
        "NodeTemplate would be deleted or replaced as well: nothing of that was done: see ops "
        "stack plan, and run it again"
    ) in ran.stderr.splitlines()
    assert shop.proposed() == []
    assert shop.stacks()[stack] == "CREATE_COMPLETE"
    assert (stack, "delete", "Group", "again-moves") in shop.plan()
    shop.ok("stack", "apply", "--yes")
    assert shop.stacks()[stack] == "UPDATE_COMPLETE"
    shop.ok("stack", "destroy", "moves", "--yes")
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
