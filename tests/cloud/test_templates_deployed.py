"""The templates on the local AWS: they come up whole, and are then as they were asked for."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import WaiterError

from ops.local.aws import local_aws
from ops.queues.policies import same_policy
from ops.queues.wanted import wanted
from ops.stack.compose import Account, StackPlan, plans
from ops.stack.resolve import resolved
from tests.unit.stack_fleets import ACCOUNT, RICH
from worker.fleet import Fleet, loads

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

# A shared stack is forty resources, one after another.
pytestmark = pytest.mark.timeout(300)

#: What only an account has: another image, its own security groups and policies.
_OWN = ("security_groups = ", "policies = ", "boundary = ")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A fleet's stacks on a local AWS of their own."""

    url: str
    fleet: Fleet
    account: Account
    plans: tuple[StackPlan, ...]

    def client(self, service: str) -> Any:
        return _client(self.url, service)

    @property
    def cloudformation(self) -> CloudFormationClient:
        return cast("CloudFormationClient", self.client("cloudformation"))


def _client(url: str, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name=ACCOUNT.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def propose(client: CloudFormationClient, plan: StackPlan, kind: Any) -> Any:
    """Make a change set and return it as described once it is made."""
    made = client.create_change_set(
        StackName=plan.name,
        ChangeSetName=f"as-{uuid.uuid4().hex[:8]}",
        ChangeSetType=kind,
        TemplateBody=plan.body(),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in plan.parameters.items()
        ],
        Tags=[{"Key": key, "Value": value} for key, value in plan.tags.items()],
        Capabilities=list(plan.capabilities),
    )
    with contextlib.suppress(WaiterError):  # it is raised for a change set without changes
        client.get_waiter("change_set_create_complete").wait(
            ChangeSetName=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    return client.describe_change_set(ChangeSetName=made["Id"])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        ec2, sts = _client(url, "ec2"), _client(url, "sts")
        subnets = ec2.describe_subnets()["Subnets"]
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        text = "\n".join(line for line in RICH.splitlines() if not line.startswith(_OWN))
        fleet = loads(text.replace("ami-0a1b2c3d", image), Path("fleet.toml"))
        account = Account(
            id=sts.get_caller_identity()["Account"],
            region=ACCOUNT.region,
            vpc=subnets[0]["VpcId"],
            subnets=tuple(each["SubnetId"] for each in subnets),
        )
        found = Deployed(url, fleet, account, plans(fleet, account))
        client = found.cloudformation
        for plan in found.plans:
            proposed = propose(client, plan, "CREATE")
            assert proposed["Status"] == "CREATE_COMPLETE", proposed.get("StatusReason")
            client.execute_change_set(ChangeSetName=proposed["ChangeSetId"])
            client.get_waiter("stack_create_complete").wait(
                StackName=plan.name, WaiterConfig={"Delay": 1, "MaxAttempts": 200}
            )
        yield found


def test_every_resource_that_is_asked_for_is_there(deployed: Deployed) -> None:
    for plan in deployed.plans:
        answer = deployed.cloudformation.describe_stack_resources(StackName=plan.name)
        there = {each["LogicalResourceId"]: each for each in answer["StackResources"]}
        asked = resolved(plan, deployed.account)
        assert set(there) == set(asked)
        for name, resource in asked.items():
            assert there[name]["ResourceType"] == resource["Type"]
            assert there[name]["ResourceStatus"] == "CREATE_COMPLETE", name


def test_asked_again_it_changes_nothing(deployed: Deployed) -> None:
    for plan in deployed.plans:
        again = propose(deployed.cloudformation, plan, "UPDATE")
        assert again["Status"] == "FAILED", again["Changes"]
        assert "didn't contain changes" in again["StatusReason"]


def test_the_queues_are_as_ops_queues_wants_them(deployed: Deployed) -> None:
    sqs: SQSClient = deployed.client("sqs")
    for want in wanted(deployed.fleet):
        url = sqs.get_queue_url(QueueName=want.name)["QueueUrl"]
        found: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert {key: found.get(key) for key in want.attributes} == dict(want.attributes), want.name
        tags = sqs.list_queue_tags(QueueUrl=url)["Tags"]
        assert tags.items() >= dict(want.tags).items()
        tie = want.tie(found["QueueArn"])
        assert tie is None or same_policy(found.get(tie[0]), tie[1])


def test_the_group_has_its_bounds_its_types_and_its_hooks(deployed: Deployed) -> None:
    client = deployed.client("autoscaling")
    (group,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=["media-video"])[
        "AutoScalingGroups"
    ]
    assert (group["MinSize"], group["MaxSize"]) == (1, 9)
    types = group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    assert [each["InstanceType"] for each in types] == ["c7i.large", "c6i.large"]
    hooks = client.describe_lifecycle_hooks(AutoScalingGroupName="media-video")["LifecycleHooks"]
    assert {
        each["LifecycleHookName"]: (each["HeartbeatTimeout"], each["DefaultResult"])
        for each in hooks
    } == {"fleet-join": (360, "ABANDON"), "fleet-leave": (120, "CONTINUE")}


def test_one_more_address_is_the_only_change(deployed: Deployed) -> None:
    more = {**dict(deployed.fleet.aws), "alarms_to": ("a@example.com", "ops@example.com")}
    aws = type(deployed.fleet.aws).model_validate(more)
    fleet = deployed.fleet.model_copy(update={"aws": aws})
    (plan, *_) = plans(fleet, deployed.account)
    proposed = propose(deployed.cloudformation, plan, "UPDATE")
    kinds = sorted(
        (each["ResourceChange"]["Action"], each["ResourceChange"]["ResourceType"])
        for each in proposed["Changes"]
    )
    assert kinds == [("Add", "AWS::SNS::Subscription"), ("Remove", "AWS::SNS::Subscription")]
