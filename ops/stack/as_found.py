"""What is there in CloudFormation's words, as an import says it. Pure.

An import says a thing as it is. CloudFormation updates what it has imported to what the template
says ("Apply stack-level tags to imported resource if applicable" is the event; coverage-roadmap
809 and 1497), and what the template leaves out may fall back to its default, as it may when a later
change set fails and is rolled back to the import. Of a queue that would be a lease of 30 s, no
dead-letter queue, and all that is older than four days deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        TableDescriptionTypeDef,
        TimeToLiveDescriptionTypeDef,
    )

_NUMBERS: Final = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
)
_DOCUMENTS: Final = ("RedriveAllowPolicy", "RedrivePolicy")
_KEY: Final = "KmsMasterKeyId"
_KEY_SECONDS: Final = "KmsDataKeyReusePeriodSeconds"
_OWN_KEYS: Final = "SqsManagedSseEnabled"


def queue(attributes: Mapping[Any, str]) -> dict[str, Any]:
    """Return a queue's properties, of GetQueueAttributes' texts."""
    found: dict[str, Any] = {
        name: int(attributes[name]) for name in _NUMBERS if attributes.get(name)
    }
    found |= {name: json.loads(attributes[name]) for name in _DOCUMENTS if attributes.get(name)}
    if attributes.get(_KEY):
        found[_KEY] = attributes[_KEY]
        if attributes.get(_KEY_SECONDS):
            found[_KEY_SECONDS] = int(attributes[_KEY_SECONDS])
    if attributes.get(_OWN_KEYS):
        found[_OWN_KEYS] = attributes[_OWN_KEYS] == "true"
    return found


def table(
    found: TableDescriptionTypeDef,
    ttl: TimeToLiveDescriptionTypeDef,
    backups: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a table's properties; `backups` is DescribeContinuousBackups' description."""
    billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    made: dict[str, Any] = {
        "BillingMode": billing,
        "DeletionProtectionEnabled": found.get("DeletionProtectionEnabled", False),
        "KeySchema": [
            {"AttributeName": key["AttributeName"], "KeyType": key["KeyType"]}
            for key in found["KeySchema"]
        ],
    }
    if billing == "PROVISIONED":
        throughput = found["ProvisionedThroughput"]
        made["ProvisionedThroughput"] = {
            "ReadCapacityUnits": throughput["ReadCapacityUnits"],
            "WriteCapacityUnits": throughput["WriteCapacityUnits"],
        }
    if ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        # Setting it to what it is is refused.
        name = ttl.get("AttributeName", "")
        made["TimeToLiveSpecification"] = {"AttributeName": name, "Enabled": True}
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        days = {k: v for k, v in recovery.items() if k == "RecoveryPeriodInDays"}
        made["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True, **days}
    return made


def bucket(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bucket's properties, of what S3 has of it by the name of the property.

    What it has none of is None.
    """
    made = {
        name: found[name]
        for name in ("OwnershipControls", "PublicAccessBlockConfiguration")
        if found.get(name)
    }
    if encryption := found.get("BucketEncryption"):
        made["BucketEncryption"] = {
            "ServerSideEncryptionConfiguration": [_encryption(rule) for rule in encryption["Rules"]]
        }
    if status := found.get("VersioningConfiguration"):
        made["VersioningConfiguration"] = {"Status": status}
    if rules := found.get("LifecycleConfiguration"):
        made["LifecycleConfiguration"] = {"Rules": [_lifecycle(rule) for rule in rules]}
    return made


def log_group(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log group's properties; one that keeps everything says nothing of it."""
    days = found.get("retentionInDays")
    return {"RetentionInDays": days} if days else {}


def cluster(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cluster's properties."""
    settings: Iterable[Mapping[str, str]] = found.get("settings", ())
    named = [{"Name": one.get("name"), "Value": one.get("value")} for one in settings]
    made = {"CapacityProviders": found.get("capacityProviders"), "ClusterSettings": named}
    return {name: value for name, value in made.items() if value}


def _encryption(rule: Mapping[str, Any]) -> dict[str, Any]:
    made = {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]}
    return made | {k: v for k, v in rule.items() if k == "BucketKeyEnabled"}


def _lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule as the fleet's are; what others have added to it is not of them."""
    prefix = rule.get("Filter", {}).get("Prefix") or rule.get("Prefix")
    days = rule.get("Expiration", {}).get("Days")
    made = {
        "Id": rule.get("ID"),
        "Status": rule["Status"],
        "Prefix": prefix,
        "ExpirationInDays": days,
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
    }
    return {name: value for name, value in made.items() if value is not None}
