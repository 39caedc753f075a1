"""Faults that the local AWS is told of."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.identity import key_of
from tests.cloud.local_stacks import admin, client


@pytest.fixture
def faulty(aws: str) -> Iterator[str]:
    yield aws
    admin(aws, "faults", "DELETE")


def code_of(call: Any, **arguments: Any) -> str | None:
    try:
        call(**arguments)
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return code
    return None


@pytest.mark.parametrize(
    ("service", "method", "operation"),
    [
        ("sqs", "list_queues", "ListQueues"),
        ("dynamodb", "list_tables", "ListTables"),
        ("autoscaling", "describe_auto_scaling_groups", "DescribeAutoScalingGroups"),
        ("ec2", "describe_instances", "DescribeInstances"),
        ("s3", "list_buckets", "ListBuckets"),
        ("lambda", "list_functions", "ListFunctions"),
        ("cloudwatch", "list_metrics", "ListMetrics"),
        ("cloudformation", "list_stacks", "ListStacks"),
    ],
)
def test_every_protocol_reads_the_code(
    faulty: str, service: str, method: str, operation: str
) -> None:
    call = getattr(client(faulty, service), method)
    assert code_of(call) is None
    fault = {"service": service, "operation": operation, "code": "AccessDenied", "status": 403}
    admin(faulty, "faults", "POST", fault)
    assert code_of(call) == "AccessDenied"
    admin(faulty, "faults", "DELETE")
    assert code_of(call) is None


def test_a_fault_ends_after_so_many_times(faulty: str) -> None:
    fault = {"service": "sqs", "code": "ThrottlingException", "times": 2}
    admin(faulty, "faults", "POST", fault)
    call = client(faulty, "sqs").list_queues
    assert [code_of(call) for _ in range(3)] == ["ThrottlingException"] * 2 + [None]
    # botocore tries again by itself where it may.
    admin(faulty, "faults", "POST", fault)
    assert code_of(client(faulty, "sqs", retries=3).list_queues) is None


def test_a_fault_may_be_for_one_caller(faulty: str) -> None:
    admin(faulty, "faults", "POST", {"role": "media-node", "code": "AccessDenied", "status": 403})
    assert code_of(client(faulty, "sqs").list_queues) is None
    node = client(faulty, "sqs", key=key_of("media-node", "i-1"))
    assert code_of(node.list_queues) == "AccessDenied"


def test_a_share_of_calls_fails(faulty: str) -> None:
    admin(faulty, "faults", "POST", {"service": "sqs", "code": "InternalError", "share": 0.5})
    call = client(faulty, "sqs").list_queues
    found = {code_of(call) for _ in range(60)}
    assert found == {"InternalError", None}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "expected a code"),
        ({"code": "A", "status": 200}, "400 to 599"),
        ({"code": "A", "share": 2}, "0 to 1"),
        ({"code": "A", "times": 0}, "at least 1"),
        ({"code": "A", "delay_seconds": -1}, "delay_seconds"),
        ({"code": 5}, "/_fleet/faults: code: expected a text, got 5"),
        ({"code": "A", "times": "5"}, "times: expected a whole number, got '5'"),
        (
            {"service": "sqz", "code": "A"},
            "/_fleet/faults: service: expected one of the local AWS, such as sqs, ",
        ),
        ({"service": "elbv2", "code": "A"}, "expected one whose requests are signed for it"),
        (
            {"service": "sqs", "operation": "ReciveMessage", "code": "A"},
            "operation: expected one of sqs, such as ReceiveMessage, ",
        ),
        (
            {"operation": "ReceiveMessage", "code": "A"},
            "operation: expected a service beside it, got 'ReceiveMessage' alone",
        ),
        ({"colour": "red"}, "expected an object of"),
        ([], "expected an object of"),
    ],
)
def test_a_fault_that_is_none_is_refused(faulty: str, body: Any, reason: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        admin(faulty, "faults", "POST", body)
    assert refused.value.code == 400
    assert reason in json.load(refused.value)["message"]
    assert admin(faulty, "faults")["faults"] == []


def test_an_unknown_path_names_the_known_ones(faulty: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        admin(faulty, "nothing")
    assert refused.value.code == 404
    assert "faults" in json.load(refused.value)["message"]
