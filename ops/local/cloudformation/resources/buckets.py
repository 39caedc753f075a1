"""Buckets of S3, and the policies on them."""

from __future__ import annotations

import json
from typing import Any, Final

from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import pairs

_ABSENT: Final = ("NoSuchBucket", "404", "NoSuchBucketPolicy")


class Bucket(Resource):
    """AWS::S3::Bucket; its physical id is its name."""

    kind = "AWS::S3::Bucket"
    handled = frozenset(
        {
            "BucketName",
            "BucketEncryption",
            "LifecycleConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("BucketName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it, then set each of its configurations."""
        name = str(wanted.get("BucketName", at.name(63).lower()))
        parameters: dict[str, Any] = {"Bucket": name}
        if at.region != "us-east-1":
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": at.region}
        at.call("s3", "CreateBucket", parameters)
        self.update(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs; a configuration that is taken away is deleted."""
        bucket = {"Bucket": physical}
        for name, what, delete, made in (
            ("BucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption", _encryption),
            (
                "LifecycleConfiguration",
                "PutBucketLifecycleConfiguration",
                "DeleteBucketLifecycle",
                _lifecycle,
            ),
            (
                "OwnershipControls",
                "PutBucketOwnershipControls",
                "DeleteBucketOwnershipControls",
                lambda given: {"OwnershipControls": given},
            ),
            (
                "PublicAccessBlockConfiguration",
                "PutPublicAccessBlock",
                "DeletePublicAccessBlock",
                lambda given: {"PublicAccessBlockConfiguration": given},
            ),
            (
                "Tags",
                "PutBucketTagging",
                "DeleteBucketTagging",
                lambda given: {"Tagging": {"TagSet": pairs(given)}},
            ),
        ):
            if not changed(before, wanted, name):
                continue
            if wanted.get(name):
                at.call("s3", what, {**bucket, **made(wanted[name])})
            else:
                at.call("s3", delete, bucket)
        if changed(before, wanted, "VersioningConfiguration"):
            versioning = wanted.get("VersioningConfiguration", {"Status": "Suspended"})
            parameters = {**bucket, "VersioningConfiguration": versioning}
            at.call("s3", "PutBucketVersioning", parameters)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it; one with objects in it refuses."""
        at.found("s3", "DeleteBucket", {"Bucket": physical}, *_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its configurations; of the lifecycle, whether its rules are there."""
        bucket = {"Bucket": physical}
        if at.found("s3", "HeadBucket", bucket, *_ABSENT) is None:
            return None
        absent = "ServerSideEncryptionConfigurationNotFoundError"
        encryption = at.found("s3", "GetBucketEncryption", bucket, absent) or {}
        rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        absent = "NoSuchLifecycleConfiguration"
        lifecycle = at.found("s3", "GetBucketLifecycleConfiguration", bucket, absent) or {}
        absent = "NoSuchPublicAccessBlockConfiguration"
        block = at.found("s3", "GetPublicAccessBlock", bucket, absent) or {}
        absent = "OwnershipControlsNotFoundError"
        controls = at.found("s3", "GetBucketOwnershipControls", bucket, absent) or {}
        tags = at.found("s3", "GetBucketTagging", bucket, "NoSuchTagSet") or {}
        wanted = had.get("LifecycleConfiguration")
        kept = wanted is not None and _same_rules(_lifecycle(wanted), lifecycle)
        return {
            "BucketName": physical,
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
                        **only(rule, "BucketKeyEnabled"),
                    }
                    for rule in rules
                ]
            },
            "LifecycleConfiguration": wanted if kept else lifecycle,
            "OwnershipControls": controls.get("OwnershipControls", {}),
            "PublicAccessBlockConfiguration": block.get("PublicAccessBlockConfiguration", {}),
            "VersioningConfiguration": only(at.call("s3", "GetBucketVersioning", bucket), "Status"),
            "Tags": tags.get("TagSet", []),
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and names in the DNS."""
        return {
            "Arn": f"arn:{at.partition}:s3:::{physical}",
            "DomainName": f"{physical}.s3.amazonaws.com",
            "RegionalDomainName": f"{physical}.s3.{at.region}.amazonaws.com",
        }


class BucketPolicy(Resource):
    """AWS::S3::BucketPolicy; its physical id is its bucket's name."""

    kind = "AWS::S3::BucketPolicy"
    handled = frozenset({"Bucket", "PolicyDocument"})

    def create(self, at: Place, wanted: Properties) -> str:
        """Put the policy; a bucket that has one refuses."""
        bucket = str(wanted["Bucket"])
        if self.read(at, bucket, wanted) is not None:
            raise Refused(f"The bucket policy already exists on bucket {bucket}.")
        self._put(at, wanted)
        return bucket

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew."""
        self._put(at, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("s3", "DeleteBucketPolicy", {"Bucket": physical}, *_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        found = at.found("s3", "GetBucketPolicy", {"Bucket": physical}, *_ABSENT)
        if found is None:
            return None
        return {"Bucket": physical, "PolicyDocument": json.loads(found["Policy"])}

    def _put(self, at: Place, wanted: Properties) -> None:
        parameters = {"Bucket": wanted["Bucket"], "Policy": wanted["PolicyDocument"]}
        at.call("s3", "PutBucketPolicy", parameters)


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "ServerSideEncryptionConfiguration": {
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                    **only(rule, "BucketKeyEnabled"),
                }
                for rule in given["ServerSideEncryptionConfiguration"]
            ]
        }
    }


def _lifecycle(given: dict[str, Any]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_rule(rule) for rule in given["Rules"]]}}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    for name, value in rule.items():
        match name:
            case "Status" | "Prefix":
                pass
            case "Id":
                made["ID"] = value
            case "ExpirationInDays":
                made["Expiration"] = {"Days": value}
            case "ExpiredObjectDeleteMarker":
                made["Expiration"] = {"ExpiredObjectDeleteMarker": value}
            case "NoncurrentVersionExpiration" | "AbortIncompleteMultipartUpload":
                made[name] = value
            case "Transitions":
                made[name] = [
                    {"StorageClass": each["StorageClass"], "Days": each["TransitionInDays"]}
                    for each in value
                ]
            case _:
                raise Refused(
                    f"Properties.LifecycleConfiguration.Rules.{name} is not handled by the "
                    "local AWS"
                )
    return made


def _same_rules(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
    def told(rules: list[dict[str, Any]]) -> list[str]:
        return sorted(
            json.dumps({**rule, "Filter": rule.get("Filter", {}).get("Prefix", "")}, sort_keys=True)
            for rule in rules
        )

    rules = json.loads(json.dumps(wanted["LifecycleConfiguration"]["Rules"]), parse_int=str)
    known = json.loads(json.dumps(found.get("Rules", [])), parse_int=str)
    return told(rules) == told(known)


TYPES: Final = (Bucket(), BucketPolicy())
