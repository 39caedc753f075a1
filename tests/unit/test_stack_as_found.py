"""What an import says of what is there: as it is, so that nothing is set by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.stack import as_found
from ops.stack.compose import queue, shared
from ops.stack.whose import Found, Import
from tests.unit.stack_fleets import ACCOUNT, rich

ARN = "arn:aws:sqs:eu-central-1:123456789012:media-video-dlq"
QUEUE = {
    "ApproximateNumberOfMessages": "3",
    "DelaySeconds": "0",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "1209600",
    "Policy": "{}",
    "ReceiveMessageWaitTimeSeconds": "20",
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 5}),
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "900",
}


def test_a_queue_keeps_what_a_default_would_lose() -> None:
    assert as_found.queue(QUEUE) == {
        "DelaySeconds": 0,
        "MaximumMessageSize": 262144,
        "MessageRetentionPeriod": 1209600,
        "ReceiveMessageWaitTimeSeconds": 20,
        "RedrivePolicy": {"deadLetterTargetArn": ARN, "maxReceiveCount": 5},
        "SqsManagedSseEnabled": True,
        "VisibilityTimeout": 900,
    }
    key = {"KmsMasterKeyId": "alias/ours", "KmsDataKeyReusePeriodSeconds": "600"}
    found = as_found.queue({**key, "SqsManagedSseEnabled": "false"})
    assert found == {
        "KmsMasterKeyId": "alias/ours",
        "KmsDataKeyReusePeriodSeconds": 600,
        "SqsManagedSseEnabled": False,
    }


def test_a_bucket_is_told_in_the_words_of_a_template() -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    lifecycle = [
        {
            "ID": "fleet-payloads",
            "Status": "Enabled",
            "Filter": {"Prefix": "payloads/"},
            "Expiration": {"Days": 41},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {"ID": "old", "Status": "Disabled", "Prefix": ""},
    ]
    found = {
        "BucketEncryption": {"Rules": [{**rule, "BucketKeyEnabled": False}]},
        "LifecycleConfiguration": lifecycle,
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
        "VersioningConfiguration": "Suspended",
    }
    assert as_found.bucket(found) == {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                    "BucketKeyEnabled": False,
                }
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "fleet-payloads",
                    "Status": "Enabled",
                    "Prefix": "payloads/",
                    "ExpirationInDays": 41,
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
                {"Id": "old", "Status": "Disabled", "Prefix": ""},
            ]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
        "VersioningConfiguration": {"Status": "Suspended"},
    }
    assert as_found.bucket(dict.fromkeys(found)) == {}


def test_a_table_keeps_its_backups() -> None:
    table: Any = {
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "DeletionProtectionEnabled": True,
    }
    on = {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7}
    off = {"PointInTimeRecoveryStatus": "DISABLED"}
    made = as_found.table(table, {}, {"PointInTimeRecoveryDescription": on})
    assert made["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 7,
    }
    made = as_found.table(table, {}, {"PointInTimeRecoveryDescription": off})
    assert made.keys() == {"BillingMode", "DeletionProtectionEnabled", "KeySchema"}


def test_a_log_group_and_a_cluster() -> None:
    assert as_found.log_group({"retentionInDays": 14}) == {"RetentionInDays": 14}
    assert as_found.log_group({}) == {}
    found = {
        "capacityProviders": ["FARGATE"],
        "settings": [{"name": "containerInsights", "value": "enabled"}],
        "defaultCapacityProviderStrategy": [],
    }
    assert as_found.cluster(found) == {
        "CapacityProviders": ["FARGATE"],
        "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
    }
    assert as_found.cluster({}) == {}


@pytest.mark.parametrize(
    ("logical", "found", "says"),
    [
        # What would stand against the template's word is told, so that it goes.
        ("DelayQueue", {"RedrivePolicy": {}, "KmsMasterKeyId": "k"}, True),
        ("OnceTable", {"PointInTimeRecoverySpecification": {}}, True),
        ("OnceTable", {"ProvisionedThroughput": {}}, True),
        ("Artifacts", {"VersioningConfiguration": {"Status": "Enabled"}}, True),
        # Of these the template says nothing: they stay as they are.
        ("Payloads", {"VersioningConfiguration": {"Status": "Enabled"}}, False),
        ("DelayQueue", {"Tags": []}, False),
    ],
)
def test_an_import_says_what_the_template_speaks_of(
    logical: str, found: dict[str, Any], says: bool
) -> None:
    one = shared(rich(), ACCOUNT).imports[logical]
    said = Import(one, Found(one.name, {}, properties=found)).properties
    assert said == {**one.properties, **(found if says else {})}


def test_a_queue_s_own_properties_are_all_said() -> None:
    one = queue(rich(), "video", ACCOUNT).imports["Messages"]
    found = as_found.queue(QUEUE)
    said = Import(one, Found("https://q", {}, properties=found)).properties
    assert said == {"QueueName": "media-video", **found}
