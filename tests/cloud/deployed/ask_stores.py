"""Tables, buckets and queues, as their services tell them."""

from __future__ import annotations

import json
from typing import Any

from tests.cloud.deployed.asking import Facts, Question, Resource, last


def table(it: Resource) -> Facts | None:
    name = {"TableName": it.physical}
    shown = it.found("ResourceNotFoundException", "dynamodb", "describe_table", **name)
    if shown is None:
        return None
    found = shown["Table"]
    lives = it.call("dynamodb", "describe_time_to_live", **name)["TimeToLiveDescription"]
    backups = it.call("dynamodb", "describe_continuous_backups", **name)
    in_time = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    return {
        "status": found["TableStatus"],
        "key": [each["AttributeName"] for each in found["KeySchema"]],
        "billed": found["BillingModeSummary"]["BillingMode"],
        "protected": found["DeletionProtectionEnabled"],
        "expires_by": lives.get("AttributeName"),
        "recoverable": in_time["PointInTimeRecoveryStatus"] == "ENABLED",
    }


def bucket(it: Resource) -> Facts | None:
    name = {"Bucket": it.physical}
    if it.found("404 NoSuchBucket", "s3", "head_bucket", **name) is None:
        return None
    encrypted = it.call("s3", "get_bucket_encryption", **name)["ServerSideEncryptionConfiguration"]
    (rule,) = encrypted["Rules"]
    block = it.call("s3", "get_public_access_block", **name)["PublicAccessBlockConfiguration"]
    lifecycle = it.call("s3", "get_bucket_lifecycle_configuration", **name)
    controls = it.call("s3", "get_bucket_ownership_controls", **name)["OwnershipControls"]
    return {
        "encrypted": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "public": not (len(block) == 4 and all(block.values())),
        "owned": [each["ObjectOwnership"] for each in controls["Rules"]],
        "versions": it.call("s3", "get_bucket_versioning", **name).get("Status"),
        "expires": {
            each["Filter"].get("Prefix", ""): _days(each)
            for each in lifecycle["Rules"]
            if each["Status"] == "Enabled"
        },
    }


def _days(rule: Any) -> tuple[int | None, int | None]:
    """After how many days what is there is deleted, and what was overwritten."""
    return (
        rule.get("Expiration", {}).get("Days"),
        rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
    )


def bucket_policy(it: Resource) -> Facts | None:
    absent = "NoSuchBucket NoSuchBucketPolicy"
    found = it.found(absent, "s3", "get_bucket_policy", Bucket=it.physical)
    if found is None:
        return None
    (statement,) = json.loads(found["Policy"])["Statement"]
    return {
        "says": (statement["Effect"], statement["Principal"], statement["Action"]),
        "where": statement["Condition"],
        "of": statement["Resource"],
    }


def queue(it: Resource) -> Facts | None:
    absent = "QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue"
    url = {"QueueUrl": it.physical}
    found = it.found(absent, "sqs", "get_queue_attributes", AttributeNames=["All"], **url)
    if found is None:
        return None
    told = found["Attributes"]
    redrive = json.loads(told.get("RedrivePolicy", "{}"))
    allowed = json.loads(told.get("RedriveAllowPolicy", "{}"))
    return {
        "encrypted": told["SqsManagedSseEnabled"] == "true",
        "hidden_seconds": int(told["VisibilityTimeout"]),
        "kept_seconds": int(told["MessageRetentionPeriod"]),
        "polled_seconds": int(told["ReceiveMessageWaitTimeSeconds"]),
        "largest_bytes": int(told["MaximumMessageSize"]),
        "dead_letters": last(redrive.get("deadLetterTargetArn", "")),
        "receives": int(redrive.get("maxReceiveCount", 0)),
        "dead_letters_of": [last(each) for each in allowed.get("sourceQueueArns", [])],
        "tags": it.call("sqs", "list_queue_tags", **url).get("Tags", {}),
    }


QUESTIONS: dict[str, Question] = {
    "AWS::DynamoDB::Table": table,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SQS::Queue": queue,
}
