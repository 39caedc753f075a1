"""Queues, tables and buckets of the stacks: those that `ops queues` and `ops stores` want."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ops.queues.wanted import Wanted, wanted
from ops.stores.buckets import FoundBucket
from ops.stores.buckets import steps as bucket_steps
from ops.stores.tables import FoundTable
from ops.stores.tables import steps as table_steps
from ops.stores.wanted import wanted_buckets, wanted_tables
from tests.unit.stack_fleets import (
    ACCOUNT,
    fifty,
    plain,
    queue_resources,
    rich,
    shared_resources,
)
from worker.fleet import Fleet

ATTRIBUTES = (
    "VisibilityTimeout",
    "ReceiveMessageWaitTimeSeconds",
    "MessageRetentionPeriod",
    "MaximumMessageSize",
    "SqsManagedSseEnabled",
)


def tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def as_sqs(found: Mapping[str, Any]) -> dict[str, str]:
    """A queue's properties as the attributes SQS would have."""
    attributes = {key: str(found[key]) for key in ATTRIBUTES if key in found}
    return attributes | {"SqsManagedSseEnabled": str(found["SqsManagedSseEnabled"]).lower()}


def by_name(resources: Mapping[str, Any], kind: str, key: str) -> dict[str, dict[str, Any]]:
    return {
        one["Properties"][key]: one["Properties"]
        for one in resources.values()
        if one["Type"] == kind
    }


def all_queues(fleet: Fleet) -> dict[str, dict[str, Any]]:
    found = by_name(shared_resources(fleet), "AWS::SQS::Queue", "QueueName")
    for name in fleet.queues:
        found |= by_name(queue_resources(fleet, name), "AWS::SQS::Queue", "QueueName")
    return found


@pytest.mark.parametrize("fleet", [rich(), plain(), fifty()], ids=lambda fleet: fleet.name)
def test_the_queues_are_those_that_ops_queues_wants(fleet: Fleet) -> None:
    found = all_queues(fleet)
    assert sorted(found) == sorted(each.name for each in wanted(fleet))
    for want in wanted(fleet):
        has = found[want.name]
        assert as_sqs(has) == dict(want.attributes), want.name
        assert tags(has) == dict(want.tags), want.name
        assert tie_of(has) == tied(want), want.name


def tie_of(found: Mapping[str, Any]) -> Any:
    for key in ("RedrivePolicy", "RedriveAllowPolicy"):
        if key in found:
            return key, {name: as_text(value) for name, value in found[key].items()}
    return None


def tied(want: Wanted) -> Any:
    tie = want.tie(f"arn:aws:sqs:{ACCOUNT.region}:{ACCOUNT.id}:any")
    if tie is None:
        return None
    return tie[0], {name: as_text(value) for name, value in json.loads(tie[1]).items()}


def as_text(value: Any) -> Any:
    return value if isinstance(value, list) else str(value)


def found_table(table: Mapping[str, Any]) -> FoundTable:
    kinds = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    ttl = table.get("TimeToLiveSpecification", {})
    return FoundTable(
        arn="arn:t",
        keys=tuple(
            (key["AttributeName"], kinds[key["AttributeName"]]) for key in table["KeySchema"]
        ),
        on_demand=table["BillingMode"] == "PAY_PER_REQUEST",
        protected=table.get("DeletionProtectionEnabled", False),
        ttl=ttl["AttributeName"] if ttl.get("Enabled") else None,
        tags=tags(table),
    )


@pytest.mark.parametrize("results", ["", 'results = { backend = "dynamodb" }'])
def test_the_tables_are_those_that_ops_stores_wants(results: str) -> None:
    fleet = plain(results)
    found = by_name(shared_resources(fleet), "AWS::DynamoDB::Table", "TableName")
    assert sorted(found) == sorted(each.name for each in wanted_tables(fleet))
    for want in wanted_tables(fleet):
        has = found_table(found[want.name])
        assert has.keys == want.keys
        assert has.ttl == want.ttl
        assert has.protected is want.protected
        assert list(table_steps(want, has)) == []


BUCKETS = {
    "none": "",
    "payloads": 'payload_bucket = "big"',
    "results": 'results = { backend = "s3", bucket = "out", expires = "36h" }',
    "both": 'payload_bucket = "big"\nresults = { backend = "s3", bucket = "out" }',
    "one for both": 'payload_bucket = "big"\nresults = { backend = "s3", bucket = "big" }',
}


@pytest.mark.parametrize("text", BUCKETS.values(), ids=BUCKETS)
def test_the_buckets_are_those_that_ops_stores_wants(text: str) -> None:
    fleet = plain(text)
    resources = shared_resources(fleet)
    found = by_name(resources, "AWS::S3::Bucket", "BucketName")
    policies = {
        one["Properties"]["Bucket"]: one["Properties"]["PolicyDocument"]
        for one in resources.values()
        if one["Type"] == "AWS::S3::BucketPolicy"
    }
    own = {"media-artifacts-123456789012-eu-west-1", "media-logs-123456789012-eu-west-1"}
    want = {each.name: each for each in wanted_buckets(fleet, ACCOUNT.region, ACCOUNT.partition)}
    assert set(found) == own | set(want)
    for name, bucket in found.items():
        has = found_bucket(bucket, policies[name])
        assert (has.encrypted, has.closed) == (True, True)
        if name in want:
            assert list(bucket_steps(want[name], has)) == [], name
        else:
            assert has.policy is not None
            (statement,) = has.policy["Statement"]
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def found_bucket(bucket: Mapping[str, Any], policy: Mapping[str, Any]) -> FoundBucket:
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    return FoundBucket(
        region=ACCOUNT.region,
        encrypted=algorithm == "AES256",
        closed=list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4,
        policy=policy,
        rules=[as_s3(rule) for rule in bucket["LifecycleConfiguration"]["Rules"]],
        tags=tags(bucket),
    )


def as_s3(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule as S3 gives it back."""
    days = rule.get("ExpirationInDays")
    return {
        "ID": rule["Id"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Status": rule["Status"],
        "Expiration": {"Days": None if days is None else int(days)},
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
        "AbortIncompleteMultipartUpload": rule["AbortIncompleteMultipartUpload"],
    }
