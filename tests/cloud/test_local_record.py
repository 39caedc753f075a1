"""The record of calls: who called what, on which resources, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.aws import local_aws
from ops.local.identity import OPERATOR, Caller, caller_of, key_of
from ops.local.record import FILE, Call, calls
from tests.cloud.local_stacks import REGION, admin, client, until

ARN = f"arn:aws:{{}}:{REGION}:123456789012:"
Recorded = tuple[str, Path]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("aws")
    with local_aws(folder, lambda: None, ["--folder", str(folder / "state")]) as url:
        yield url, folder / "state"


def last(recorded: Recorded, service: str, call: Callable[[Any], Any]) -> Call:
    url, folder = recorded
    made = client(url, service, key=key_of("media-node", "i-1"))
    before = len(calls(folder))
    with contextlib.suppress(ClientError):
        call(made)
    # A line is written after its answer.
    found: Call = until(lambda: calls(folder)[before:] or None, "its line")[-1]
    return found


CASES: list[tuple[str, Callable[[Any], Any], str, tuple[str, ...]]] = [
    # JSON with a target
    (
        "sqs",
        lambda c: c.send_message(QueueUrl="http://127.0.0.1/123456789012/q", MessageBody="secret"),
        "sqs:SendMessage",
        (ARN.format("sqs") + "q",),
    ),
    (
        "sqs",
        lambda c: c.delete_message_batch(
            QueueUrl="http://127.0.0.1/1/q", Entries=[{"Id": "1", "ReceiptHandle": "secret"}]
        ),
        "sqs:DeleteMessage",
        (ARN.format("sqs") + "q",),
    ),
    (
        "dynamodb",
        lambda c: c.get_item(TableName="t", Key={"id": {"S": "secret"}}),
        "dynamodb:GetItem",
        (ARN.format("dynamodb") + "table/t",),
    ),
    (
        "dynamodb",
        lambda c: c.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": name, "Item": {"id": {"S": "secret"}}}} for name in "ab"
            ]
        ),
        "dynamodb:TransactWriteItems",
        (ARN.format("dynamodb") + "table/a", ARN.format("dynamodb") + "table/b"),
    ),
    (
        "ssm",
        lambda c: c.send_command(
            DocumentName="media-node", InstanceIds=["i-1"], Parameters={"Action": ["secret"]}
        ),
        "ssm:SendCommand",
        (ARN.format("ssm") + "document/media-node", ARN.format("ec2") + "instance/i-1"),
    ),
    (
        "ssm",
        lambda c: c.get_parameter(Name="/media/image"),
        "ssm:GetParameter",
        (ARN.format("ssm") + "parameter/media/image",),
    ),
    # query
    (
        "autoscaling",
        lambda c: c.complete_lifecycle_action(
            LifecycleHookName="fleet-leave",
            AutoScalingGroupName="media-video",
            LifecycleActionResult="CONTINUE",
            InstanceId="i-1",
        ),
        "autoscaling:CompleteLifecycleAction",
        (ARN.format("autoscaling") + "autoScalingGroup:*:autoScalingGroupName/media-video",),
    ),
    (
        "cloudwatch",
        lambda c: c.put_metric_data(
            Namespace="Fleet", MetricData=[{"MetricName": "secret", "Value": 1}]
        ),
        "cloudwatch:PutMetricData",
        (),
    ),
    (
        "iam",
        lambda c: c.get_role(RoleName="media-node"),
        "iam:GetRole",
        ("arn:aws:iam::123456789012:role/media-node",),
    ),
    ("ec2", lambda c: c.describe_instances(), "ec2:DescribeInstances", ()),
    # REST
    (
        "s3",
        lambda c: c.put_object(Bucket="b", Key="releases/a.tar.gz", Body=b"secret"),
        "s3:PutObject",
        ("arn:aws:s3:::b/releases/a.tar.gz",),
    ),
    (
        "s3",
        lambda c: c.list_objects_v2(Bucket="b", Prefix="releases/"),
        "s3:ListBucket",
        ("arn:aws:s3:::b",),
    ),
    (
        "lambda",
        lambda c: c.invoke(FunctionName="media-scaling", Payload=b'{"a": "secret"}'),
        "lambda:InvokeFunction",
        (ARN.format("lambda") + "function:media-scaling",),
    ),
    (
        "scheduler",
        lambda c: c.get_schedule(GroupName="media", Name="secretless"),
        "scheduler:GetSchedule",
        (ARN.format("scheduler") + "schedule-group/media",),
    ),
]


@pytest.mark.parametrize(("service", "call", "action", "resources"), CASES)
def test_a_call_is_told_with_its_resources(
    recorded: Recorded,
    service: str,
    call: Callable[[Any], Any],
    action: str,
    resources: tuple[str, ...],
) -> None:
    found = last(recorded, service, call)
    assert (found.role, found.who, found.service) == ("media-node", "i-1", service)
    assert (found.action, found.resources) == (action, resources)
    assert found.conditions["aws:RequestedRegion"] == REGION
    assert (found.status >= 400) == bool(found.error)
    lines = (recorded[1] / FILE).read_text().replace("secretless", "")
    assert "secret" not in lines


def test_a_refusal_is_told_with_its_code(recorded: Recorded) -> None:
    found = last(recorded, "sqs", lambda c: c.get_queue_url(QueueName="nobody"))
    assert (found.status, found.error) == (400, "QueueDoesNotExist")
    found = last(recorded, "iam", lambda c: c.get_role(RoleName="nobody"))
    assert (found.status, found.error) == (404, "NoSuchEntity")
    found = last(recorded, "s3", lambda c: c.get_object(Bucket="nobody", Key="k"))
    assert (found.status, found.error) == (404, "NoSuchBucket")


def test_condition_keys_are_told(recorded: Recorded) -> None:
    found = last(
        recorded,
        "cloudwatch",
        lambda c: c.put_metric_data(Namespace="Fleet", MetricData=[{"MetricName": "m"}]),
    )
    assert found.conditions["cloudwatch:namespace"] == "Fleet"
    found = last(recorded, "s3", lambda c: c.list_objects_v2(Bucket="b", Prefix="releases/"))
    assert found.conditions["s3:prefix"] == "releases/"


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get_item(TableName="t", Key={"fleet": {"S": "media"}, "item": {"S": "secret"}}),
        lambda c: c.put_item(TableName="t", Item={"fleet": {"S": "media"}}),
        lambda c: c.query(
            TableName="t",
            KeyConditionExpression="#fleet = :fleet AND #item < :item",
            ExpressionAttributeNames={"#fleet": "fleet", "#item": "item"},
            ExpressionAttributeValues={":fleet": {"S": "media"}, ":item": {"S": "secret"}},
        ),
        lambda c: c.query(
            TableName="t",
            KeyConditionExpression="fleet=:fleet",
            ExpressionAttributeValues={":fleet": {"S": "media"}},
        ),
    ],
)
def test_the_fleet_whose_items_are_asked_for_is_told(
    recorded: Recorded, call: Callable[[Any], Any]
) -> None:
    assert last(recorded, "dynamodb", call).conditions["dynamodb:LeadingKeys"] == ["media"]


def test_another_partition_key_is_nobodys_to_know(recorded: Recorded) -> None:
    found = last(recorded, "dynamodb", lambda c: c.get_item(TableName="t", Key={"id": {"S": "x"}}))
    assert "dynamodb:LeadingKeys" not in found.conditions


def test_a_transaction_is_told_by_what_it_does(recorded: Recorded) -> None:
    at = {"fleet": {"S": "media"}}
    other = {"fleet": {"S": "other"}}
    exists = {"ConditionExpression": "attribute_exists(fleet)"}
    found = last(
        recorded,
        "dynamodb",
        lambda c: c.transact_write_items(
            TransactItems=[
                {"ConditionCheck": {"TableName": "t", "Key": at, **exists}},
                {"Put": {"TableName": "t", "Item": other}},
                {"Delete": {"TableName": "u", "Key": at}},
            ]
        ),
    )
    table = ARN.format("dynamodb") + "table/"
    assert found.operations == (
        ("dynamodb:ConditionCheckItem", f"{table}t"),
        ("dynamodb:PutItem", f"{table}t"),
        ("dynamodb:DeleteItem", f"{table}u"),
    )
    assert found.conditions["dynamodb:LeadingKeys"] == ["media", "other"]
    assert last(recorded, "ec2", lambda c: c.describe_instances()).operations == ()


def test_the_record_is_served_too(recorded: Recorded) -> None:
    last(recorded, "ec2", lambda c: c.describe_instances())
    served = admin(recorded[0], "calls")["calls"]
    assert served[-1]["action"] == "ec2:DescribeInstances"
    assert len(served) == len(calls(recorded[1]))


@pytest.mark.parametrize(
    ("role", "who"), [("media-node", "i-0abc"), ("a.b.c", "f"), ("odd+=,@/x", "media-scaling")]
)
def test_a_key_says_who_calls(role: str, who: str) -> None:
    key = key_of(role, who)
    assert caller_of(key) == Caller(role, who)
    assert not set(key) & set(",/ =")


@pytest.mark.parametrize("key", ["local", "", "AKIAIOSFODNN7EXAMPLE", "FLEETLOCAL", "FLEETLOCAL.x"])
def test_another_key_is_the_operators(key: str) -> None:
    assert caller_of(key) == Caller(OPERATOR)
