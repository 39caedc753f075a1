"""`ops stack` after something that was left undone: stacks at work, half made, stuck."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ops.errors import OpsError
from ops.stack.resting import wait_for_rest
from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_begun import ONE, TOPIC, Begun, begin, made, rests
from tests.cloud.stack_shop import Shop

# Dozens of commands, over a shared stack of forty resources.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    with begin(tmp_path_factory.mktemp("again")) as begun:
        yield begun


@pytest.fixture
def shop(begun: Begun) -> Iterator[Shop]:
    begun.shop.write(ONE)
    yield begun.shop
    admin(begun.shop.url, "faults", "DELETE")


def test_what_was_shown_is_what_is_executed(begun: Begun) -> None:
    verbs = begun.called
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
