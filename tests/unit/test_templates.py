"""The templates themselves: what cfn-lint says of them, and what no policy in them may do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from ops.stack.compose import StackPlan
from ops.stack.resolve import resolved
from ops.stack.yaml_reading import path
from tests.unit.stack_fleets import (
    ACCOUNT,
    everything,
    plain,
    queue_resources,
    rich,
    shared_resources,
    statements,
)

TEMPLATES = ("shared", "queue-ec2", "queue-ecs")
COMPOSED = dict(everything())
#: cfn-lint reads templates, whatever their parameters are.
BODIES = {plan.body(): name for name, plan in reversed(COMPOSED.items())}


def complaints(text: str) -> list[str]:
    return [str(each) for each in lint(text, config=ManualArgs(regions=["eu-west-1", "us-east-1"]))]


@pytest.mark.parametrize("name", TEMPLATES)
def test_cfn_lint_has_nothing_to_say_of_what_is_written(name: str) -> None:
    assert complaints(path(name).read_text()) == []


@pytest.mark.parametrize("body", BODIES, ids=BODIES.values())
def test_nor_of_what_is_composed(body: str) -> None:
    assert complaints(body) == []


def test_it_would_say_something() -> None:
    text = path("queue-ec2").read_text().replace("HttpPutResponseHopLimit", "HopLimit")
    assert any("HopLimit" in each for each in complaints(text))


def policies(resources: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in resources.items():
        properties = resource["Properties"]
        documents = [each["PolicyDocument"] for each in properties.get("Policies", ())]
        documents += [
            properties[key]
            for key in ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument")
            if key in properties
        ]
        for document in documents:
            for statement in document["Statement"]:
                yield f"{name}.{statement.get('Sid', 'trust')}", statement


def many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def wildcards(statement: dict[str, Any]) -> list[str]:
    return [each for each in many(statement.get("Resource", [])) if "*" in each]


@pytest.mark.parametrize("plan", COMPOSED.values(), ids=COMPOSED)
def test_no_resource_is_a_wildcard_without_a_condition(plan: StackPlan) -> None:
    found = [
        name
        for name, statement in policies(resolved(plan, ACCOUNT))
        if wildcards(statement) and not statement.get("Condition")
    ]
    assert found == []


@pytest.mark.parametrize("plan", COMPOSED.values(), ids=COMPOSED)
def test_no_action_is_a_wildcard_and_nobody_may_everything(plan: StackPlan) -> None:
    for name, statement in policies(resolved(plan, ACCOUNT)):
        assert "NotAction" not in statement, name
        assert "NotResource" not in statement, name
        if statement["Effect"] == "Deny":
            continue
        principal = json.dumps(statement.get("Principal", {}))
        assert "*" not in principal, name
        # The key's own policy: the account's policies decide, as AWS recommends.
        allowed = {"AlarmsKey.Account", "AlarmsKey.Alarms"}
        assert name in allowed or not any("*" in each for each in many(statement["Action"])), name


def statement_nodes(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Every policy statement of a template, as a place in its text."""
    if isinstance(node, yaml.MappingNode):
        keys = {key.value for key, _ in node.value}
        if "Effect" in keys and "Action" in keys:
            yield node
        for _, value in node.value:
            yield from statement_nodes(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from statement_nodes(value)


def unexplained(text: str) -> list[int]:
    """The lines of statements with a wildcard resource that have no comment in or above them."""
    lines = text.splitlines()
    root = yaml.compose(text, yaml.SafeLoader)
    assert root is not None
    found = []
    for node in statement_nodes(root):
        start, end = node.start_mark.line, node.end_mark.line
        own = lines[start:end]
        resource = re.search(r"Resource:.*?(?=\n\s*[A-Z]\w+:|\Z)", "\n".join(own), re.DOTALL)
        above = lines[start - 1].lstrip().startswith("#")
        comment = above or any(line.lstrip().startswith("#") for line in own)
        if resource is not None and "*" in resource[0] and not comment:
            found.append(start + 1)
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_wildcard_says_why(name: str) -> None:
    text = path(name).read_text()
    assert unexplained(text) == []
    silent = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert len(unexplained(silent)) >= 2


ENCRYPTED = {
    "AWS::SQS::Queue": lambda p: str(p["SqsManagedSseEnabled"]).lower() == "true",
    "AWS::S3::Bucket": lambda p: "BucketEncryption" in p,
    "AWS::SNS::Topic": lambda p: "KmsMasterKeyId" in p,
    "AWS::KinesisFirehose::DeliveryStream": lambda p: (
        "DeliveryStreamEncryptionConfigurationInput" in p
    ),
    "AWS::EC2::LaunchTemplate": lambda p: all(
        each["Ebs"]["Encrypted"] for each in p["LaunchTemplateData"]["BlockDeviceMappings"]
    ),
}


@pytest.mark.parametrize("plan", COMPOSED.values(), ids=COMPOSED)
def test_what_holds_data_is_encrypted_and_says_what_becomes_of_it(plan: StackPlan) -> None:
    kept = {"AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"}
    for name, resource in resolved(plan, ACCOUNT).items():
        if resource["Type"] in ENCRYPTED:
            assert ENCRYPTED[resource["Type"]](resource["Properties"]), name
        if resource["Type"] in kept:
            assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(resource), name
        if resource["Type"] == "AWS::SQS::Queue":
            # A queue that is replaced may hold work.
            assert resource["UpdateReplacePolicy"] == "Retain", name


UNTAGGED = {
    "AWS::AutoScaling::ScheduledAction",
    "AWS::AutoScaling::WarmPool",
    "AWS::Events::Rule",  # its CloudFormation type takes tags by the stack's alone
    "AWS::IAM::InstanceProfile",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Logs::SubscriptionFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
}


@pytest.mark.parametrize("plan", COMPOSED.values(), ids=COMPOSED)
def test_whatever_takes_tags_has_the_fleets(plan: StackPlan) -> None:
    for name, resource in resolved(plan, ACCOUNT).items():
        if resource["Type"] in UNTAGGED:
            assert "Tags" not in resource["Properties"], name
            continue
        properties = resource["Properties"]
        tags = properties.get("Tags") or properties["TagSpecifications"][0]["Tags"]
        found = {tag["Key"]: tag["Value"] for tag in tags}
        assert found.items() >= dict(plan.tags).items(), name


def test_a_worker_may_do_what_the_list_says_and_nothing_else() -> None:
    fleet = plain('payload_bucket = "big"\nresults = { backend = "s3", bucket = "out" }')
    found = {
        name: (sorted(many(one["Action"])), many(one["Resource"]))
        for name, one in statements(queue_resources(fleet, "mail"), "NodeRole").items()
    }
    sqs, table = "arn:aws:sqs:eu-west-1:123456789012:", "arn:aws:dynamodb:eu-west-1:123456789012:"
    group = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/"
    messages = [
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    ]
    send = ["sqs:GetQueueUrl", "sqs:SendMessage"]
    assert found == {
        "Receive": (messages, [f"{sqs}media-mail"]),
        "DeadLetters": (send, [f"{sqs}media-mail-dlq"]),
        "Send": (send, [f"{sqs}media-*"]),
        "Once": (["dynamodb:DeleteItem", "dynamodb:PutItem"], [f"{table}table/media-once"]),
        "Payloads": (["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::big/payloads/*"]),
        "PayloadsAbsent": (["s3:ListBucket"], ["arn:aws:s3:::big"]),
        "Results": (["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::out/results/*"]),
        "ResultsAbsent": (["s3:ListBucket"], ["arn:aws:s3:::out"]),
        "Registry": (
            ["dynamodb:DeleteItem", "dynamodb:UpdateItem"],
            [f"{table}table/media-registry"],
        ),
        "Lifecycle": (
            [
                "autoscaling:CompleteLifecycleAction",
                "autoscaling:RecordLifecycleActionHeartbeat",
                "autoscaling:SetInstanceHealth",
            ],
            [f"{group}media-mail"],
        ),
        "Releases": (["s3:GetObject"], ["arn:aws:s3:::media-shared-ArtifactBucket/releases/*"]),
        "ReleasesAbsent": (["s3:ListBucket"], ["arn:aws:s3:::media-shared-ArtifactBucket"]),
        "SsmAgent": (
            [
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            ["*"],
        ),
    }


def test_a_worker_sends_to_no_dead_letter_queue_but_its_own() -> None:
    send = statements(queue_resources(rich(), "video"), "NodeRole")["Send"]
    assert send["Condition"] == {
        "StringEquals": {"aws:ResourceTag/fleet:name": "media"},
        "StringNotEquals": {"aws:ResourceTag/fleet:role": "dead-letter"},
    }


def test_the_registry_is_reached_under_the_fleets_own_key_alone() -> None:
    only = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["media"]}}
    assert statements(queue_resources(rich(), "video"), "NodeRole")["Registry"]["Condition"] == only
    assert statements(shared_resources(rich()), "ScalingRole")["Registry"]["Condition"] == only


def test_the_engine_touches_services_only_where_there_are_some() -> None:
    names = {"Services", "ServiceTasks", "ServiceTasksListed"}
    assert names <= set(statements(shared_resources(rich()), "ScalingRole"))
    assert names.isdisjoint(statements(shared_resources(plain()), "ScalingRole"))


def test_a_node_is_asked_three_things_and_nothing_else() -> None:
    document = shared_resources(plain())["NodeDocument"]["Properties"]
    assert document["Name"] == "media-node"
    parameters = document["Content"]["parameters"]
    assert parameters["Action"]["allowedValues"] == ["ping", "drain", "resume"]
    within = re.compile(parameters["Within"]["allowedPattern"])
    assert within.search("90s")
    assert not within.search("90s; rm -rf /")
    assert not within.search("$(reboot)")
