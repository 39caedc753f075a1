"""Read the tables and buckets the manifest names, and no others: nothing is ever listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ops.aws import aws_errors
from ops.errors import Exit, OpsError
from ops.stores.buckets import CLOSED, FoundBucket
from ops.stores.plan import Found
from ops.stores.tables import FoundTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# How S3 says that a bucket has no configuration of a kind (S3 API Reference, each Get action).
_NONE_SUCH = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "ServerSideEncryptionConfigurationNotFoundError",
)


def read(
    dynamodb: DynamoDBClient,
    s3: S3Client,
    tables: Sequence[str],
    buckets: Sequence[str],
    step: Callable[[str], None],
) -> Found:
    """Return each table and bucket as it is, or None where AWS says that it does not exist.

    `step` is called with each name before it is read. Raises OpsError where AWS does not answer or
    refuses: what is unknown is never taken for absent.
    """
    found_tables: dict[str, FoundTable | None] = {}
    found_buckets: dict[str, FoundBucket | None] = {}
    name = ""
    try:
        for name in tables:
            step(name)
            with aws_errors(f"reading {name}", service="dynamodb"):
                found_tables[name] = _table(dynamodb, name)
        for name in buckets:
            step(name)
            with aws_errors(f"reading {name}", service="s3"):
                found_buckets[name] = _bucket(s3, name)
    except KeyboardInterrupt:
        raise OpsError(
            f"interrupted while reading {name}: nothing was changed", Exit.INTERRUPTED
        ) from None
    return Found(found_tables, found_buckets)


def _table(client: DynamoDBClient, name: str) -> FoundTable | None:
    try:
        table = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
    if table["TableStatus"] == "DELETING":
        raise OpsError(f"{name}: it is being deleted: wait a minute and run this again")
    kinds = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    arn = table["TableArn"]
    ttl: Any = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    on = ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return FoundTable(
        arn=arn,
        keys=tuple((e["AttributeName"], kinds[e["AttributeName"]]) for e in table["KeySchema"]),
        # DynamoDB leaves the summary out of a table that was always provisioned.
        on_demand=table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
        protected=table.get("DeletionProtectionEnabled", False),
        ttl=ttl.get("AttributeName") if on else None,
        tags=_table_tags(client, arn),
    )


def _table_tags(client: DynamoDBClient, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page.get("Tags", [])}


def _bucket(client: S3Client, name: str) -> FoundBucket | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        head = client.head_bucket(Bucket=name)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return None
        if status == 403:
            raise OpsError(
                f"{name}: expected a bucket of this account or none, got 403 from S3: name another "
                "(bucket names are worldwide), or allow s3:ListBucket for these credentials"
            ) from error
        raise
    closed = _asked(client.get_public_access_block, name, "PublicAccessBlockConfiguration")
    policy = _asked(client.get_bucket_policy, name, "Policy")
    return FoundBucket(
        region=head.get("BucketRegion") or client.meta.region_name,
        encrypted=bool(
            _asked(client.get_bucket_encryption, name, "ServerSideEncryptionConfiguration")
        ),
        closed=closed == CLOSED,
        policy=None if policy is None else json.loads(policy),
        rules=_asked(client.get_bucket_lifecycle_configuration, name, "Rules") or (),
        tags={
            t["Key"]: t["Value"] for t in _asked(client.get_bucket_tagging, name, "TagSet") or ()
        },
    )


def _asked(call: Callable[..., Any], bucket: str, key: str) -> Any:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return call(Bucket=bucket)[key]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NONE_SUCH:
            return None
        raise
