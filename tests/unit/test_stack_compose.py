"""The manifest as stacks: their names, parameters and tags, alarms, Lambdas and roles."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ops.stack.compose import plans, queue, shared
from tests.unit.stack_fleets import (
    ACCOUNT,
    plain,
    properties,
    queue_resources,
    rich,
    shared_resources,
)
from worker.fleet import Fleet, UnknownQueueError


def test_the_artifacts_are_versioned() -> None:
    bucket = properties(shared_resources(plain()), "Artifacts")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_a_body_is_the_same_text_each_time() -> None:
    first, second = (queue(rich(), "video", ACCOUNT).body() for _ in range(2))
    assert first == second
    assert json.loads(first)["Resources"]["Group"]["Type"] == "AWS::AutoScaling::AutoScalingGroup"


def test_every_parameter_is_one_that_its_template_has_and_none_is_left_open() -> None:
    for plan in (*plans(rich(), ACCOUNT), *plans(plain(), ACCOUNT)):
        declared = plan.template["Parameters"]
        assert set(plan.parameters) <= set(declared), plan.name
        open_ones = {name for name, each in declared.items() if "Default" not in each}
        assert open_ones <= set(plan.parameters), plan.name
        for name, each in declared.items():
            if name in plan.parameters and "AllowedValues" in each:
                assert plan.parameters[name] in each["AllowedValues"], (plan.name, name)


def test_names_tags_and_what_is_asked_for() -> None:
    names = [plan.name for plan in plans(rich(), ACCOUNT)]
    assert names == ["media-shared", "media-queue-video", "media-queue-mail"]
    video = queue(rich(), "video", ACCOUNT)
    assert video.tags == {"fleet:name": "media", "fleet:queue": "video"}
    assert video.capabilities == ("CAPABILITY_IAM",)
    assert video.suspends == {"media-video": ("AZRebalance",)}
    assert queue(rich(), "mail", ACCOUNT).suspends == {}
    with pytest.raises(UnknownQueueError):
        queue(rich(), "nothing", ACCOUNT)


def test_a_stack_has_no_underscore_where_a_queue_has() -> None:
    fleet = Fleet.model_validate({"name": "big_one", "queues": {"a_b": {"tasks": ["a.*"]}}})
    assert [plan.name for plan in plans(fleet, ACCOUNT)] == ["big-one-shared", "big-one-queue-a-b"]
    group = properties(queue_resources(fleet, "a_b"), "Group")
    assert group["AutoScalingGroupName"] == "big_one-a_b"


def test_alarms_are_sent_to_each_address_and_one_that_goes_changes_no_other() -> None:
    both = shared(rich(), ACCOUNT).template["Resources"]
    mails = {
        name: each["Properties"]["Endpoint"]
        for name, each in both.items()
        if each["Type"] == "AWS::SNS::Subscription"
    }
    assert sorted(mails.values()) == ["night@example.com", "ops@example.com"]
    fewer = shared(plain('[aws]\nalarms_to = ["night@example.com"]'), ACCOUNT).template["Resources"]
    (left,) = (name for name, address in mails.items() if address == "night@example.com")
    assert left in fewer


def test_the_alarms() -> None:
    resources = queue_resources(rich(), "video")
    late, dead = properties(resources, "LateAlarm"), properties(resources, "DeadLettersAlarm")
    assert late["Threshold"] == "300"
    assert late["Dimensions"] == [{"Name": "QueueName", "Value": "media-video"}]
    assert dead["Dimensions"] == [{"Name": "QueueName", "Value": "media-video-dlq"}]
    assert (dead["Threshold"], dead["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert late["AlarmActions"] == dead["AlarmActions"] == ["media-shared-AlarmsTopic"]


def test_lambdas_come_with_their_code() -> None:
    without = shared_resources(plain(), replace(ACCOUNT, code=""))
    assert not {"ScalingFunction", "ScalingRule", "ForwarderFunction"} & set(without)
    account = replace(ACCOUNT, runtime="python3.12", architecture="x86_64")
    functions = shared_resources(plain(), account)
    for name, handler in (
        ("ScalingFunction", "ops.scaling.scaling_lambda.handler"),
        ("ForwarderFunction", "ops.queues.forward_lambda.handler"),
    ):
        function = properties(functions, name)
        assert function["Handler"] == handler
        assert function["Code"] == {
            "S3Bucket": "media-artifacts-123456789012-eu-west-1",
            "S3Key": "code/1.zip",
        }
        assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])
    assert properties(functions, "ScalingRule")["ScheduleExpression"] == "rate(1 minute)"


def test_every_role_has_the_boundary_where_there_is_one() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    for fleet, bound in ((rich(), boundary), (plain(), None)):
        found = [shared_resources(fleet), *(queue_resources(fleet, name) for name in fleet.queues)]
        roles = [
            one["Properties"].get("PermissionsBoundary")
            for resources in found
            for one in resources.values()
            if one["Type"] == "AWS::IAM::Role"
        ]
        assert roles
        assert set(roles) == {bound}
