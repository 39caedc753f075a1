"""A queue's nodes as its stack has them: the group, what it launches, or the service."""

from __future__ import annotations

import base64
import json

import pytest

from ops.stack.compose import queue
from tests.unit.stack_fleets import (
    ACCOUNT,
    plain,
    properties,
    queue_resources,
    rich,
    shared_resources,
    statements,
)


def test_the_group() -> None:
    group = properties(queue_resources(rich(), "video"), "Group")
    assert (group["MinSize"], group["MaxSize"]) == ("1", "9")
    assert group["CapacityRebalance"] == "true"
    assert group["VPCZoneIdentifier"] == list(ACCOUNT.subnets)
    policy = group["MixedInstancesPolicy"]
    assert policy["LaunchTemplate"]["Overrides"] == [
        {"InstanceType": "c7i.large"},
        {"InstanceType": "c6i.large"},
    ]
    distribution = policy["InstancesDistribution"]
    assert distribution["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert distribution["OnDemandBaseCapacity"] == "2"
    assert distribution["OnDemandPercentageAboveBaseCapacity"] == "100"
    assert "DesiredCapacity" not in group
    assert "WeightedCapacity" not in json.dumps(group)
    assert {tag["Key"]: tag["Value"] for tag in group["Tags"] if tag["PropagateAtLaunch"]} == {
        "fleet:name": "media",
        "fleet:queue": "video",
    }


def test_the_hooks() -> None:
    join, leave = properties(queue_resources(rich(), "video"), "Group")[
        "LifecycleHookSpecificationList"
    ]
    assert (join["LifecycleHookName"], join["DefaultResult"]) == ("fleet-join", "ABANDON")
    assert join["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert join["HeartbeatTimeout"] == "360"  # twice nodes.boot, which is longer than a heartbeat
    assert (leave["LifecycleHookName"], leave["DefaultResult"]) == ("fleet-leave", "CONTINUE")
    assert leave["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert leave["HeartbeatTimeout"] == "120"


@pytest.mark.parametrize(
    ("boot", "heartbeat", "seconds"), [("1h", "5m", 7200), ("1s", "30s", 300), ("10s", "7m", 420)]
)
def test_a_join_has_twice_the_boot_and_at_least_five_minutes(
    boot: str, heartbeat: str, seconds: int
) -> None:
    nodes = f'nodes = {{ boot = "{boot}", heartbeat = "{heartbeat}" }}'
    plan = queue(plain(queue=nodes), "mail", ACCOUNT)
    assert plan.parameters["JoinSeconds"] == str(seconds)


def test_a_node_is_closed_and_starts_itself() -> None:
    resources = queue_resources(rich(), "video")
    data = properties(resources, "NodeTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "enabled",
    }
    assert all(each["Ebs"]["Encrypted"] for each in data["BlockDeviceMappings"])
    assert [each["Ebs"]["VolumeSize"] for each in data["BlockDeviceMappings"]] == ["20"]
    assert "KeyName" not in data
    assert base64.b64decode(data["UserData"]).decode() == (
        "#!/bin/sh\n"
        "exec /opt/fleet/python/bin/ops node boot --fleet media --queue video "
        "--bucket media-shared-ArtifactBucket --region eu-west-1\n"
    )
    assert data["ImageId"] == "ami-0a1b2c3d"
    assert data["SecurityGroupIds"] == ["sg-0a1b2c3d", "sg-0a1b2c3e"]
    assert "NodeSecurityGroup" not in resources


def test_a_security_group_of_its_own_lets_nothing_in() -> None:
    resources = queue_resources(plain(), "mail")
    assert "SecurityGroupIngress" not in properties(resources, "NodeSecurityGroup")
    data = properties(resources, "NodeTemplate")["LaunchTemplateData"]
    assert data["SecurityGroupIds"] == ["NodeSecurityGroup.GroupId"]


@pytest.mark.parametrize(
    ("image", "kind", "value"),
    [
        ("", "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/media/image"),
        ('image = "/golden"', "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/golden"),
        ('image = "ami-0a1b2c3d"', "AWS::EC2::Image::Id", "ami-0a1b2c3d"),
    ],
)
def test_an_image_or_the_parameter_that_holds_it(image: str, kind: str, value: str) -> None:
    plan = queue(plain(f"[aws]\n{image}"), "mail", ACCOUNT)
    assert plan.template["Parameters"]["Image"]["Type"] == kind
    assert plan.parameters["Image"] == value


def test_only_what_is_asked_for_is_there() -> None:
    video = queue_resources(rich(), "video")
    mail = queue_resources(plain(), "mail")
    asked = {"StoppedNodes", "LateAlarm", "MondayAt0800", "FridayAt1800"}
    assert asked <= set(video)
    assert not asked & set(mail)
    collected = properties(video, "Group")["MetricsCollection"]
    assert collected == [{"Granularity": "1Minute", "Metrics": ["GroupInServiceInstances"]}]
    assert "MetricsCollection" not in properties(mail, "Group")


def test_the_service() -> None:
    resources = queue_resources(rich(), "mail")
    service = properties(resources, "Service")
    assert (service["Cluster"], service["ServiceName"]) == ("media-shared-Cluster", "media-mail")
    assert "DesiredCount" not in service
    assert service["AvailabilityZoneRebalancing"] == "DISABLED"
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": "0", "Weight": "25"},
        {"CapacityProvider": "FARGATE_SPOT", "Base": 0, "Weight": "75"},
    ]
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED"
    task = properties(resources, "NodeTask")
    assert (task["Cpu"], task["Memory"]) == ("1024", "4096")
    worker, agent = task["ContainerDefinitions"]
    assert worker["Command"] == ["celery", "worker", "-Q", "mail"]
    assert agent["Command"] == ["ops", "node", "agent"]
    image = statements(resources, "ExecutionRole")["Image"]
    assert image["Resource"] == "arn:aws:ecr:eu-west-1:123456789012:repository/team/media"
    assert "Cluster" in shared_resources(rich())
    assert "Cluster" not in shared_resources(plain())


def test_subnets_of_ones_own_need_no_public_address() -> None:
    fleet = plain(
        '[aws]\nsubnets = ["subnet-0a1b2c3d"]', 'runtime = "ecs"\nnodes.image = "reg.test/a:1"'
    )
    service = properties(queue_resources(fleet, "mail"), "Service")
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    assert "Image" not in statements(queue_resources(fleet, "mail"), "ExecutionRole")


def test_a_worker_may_the_same_on_both_runtimes() -> None:
    fleet = plain('payload_bucket = "big"\nresults = { backend = "dynamodb" }')
    ecs = plain(
        'payload_bucket = "big"\nresults = { backend = "dynamodb" }',
        'runtime = "ecs"\nnodes.image = "reg.test/a:1"',
    )
    both = [
        properties(queue_resources(one, "mail"), "NodeRole")["Policies"][0] for one in (fleet, ecs)
    ]
    assert both[0] == both[1]


def test_tasks_may_what_the_manifests_policies_say() -> None:
    role = properties(queue_resources(rich(), "video"), "NodeRole")
    own = "arn:aws:iam::123456789012:policy/"
    assert role["ManagedPolicyArns"] == [f"{own}clips", f"{own}fonts"]
    assert "ManagedPolicyArns" not in properties(queue_resources(plain(), "mail"), "NodeRole")
