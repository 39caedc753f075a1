"""Buckets: what stacks take from the artifact bucket, and those that are there before them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.aws import DENIED_CODES, aws_errors
from ops.errors import Exit, OpsError
from ops.stack import as_found
from ops.stack.whose import Found

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.stack.lambda_code import Code
    from worker.fleet import Fleet

_ABSENT = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
#: How S3 says that a bucket has none of something (S3 API Reference, each Get action).
_NONE_SUCH = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The artifact bucket; what lies in it is named by its content, and never changed."""

    s3: S3Client
    name: str

    def is_there(self) -> bool:
        """Whether there is such a bucket. Raises OpsError, also where it is somebody else's."""
        return bucket_is_there(self.s3, self.name)

    def put_template(self, body: bytes) -> str:
        """Put a template and return its URL. Raises OpsError."""
        key = f"templates/{hashlib.sha256(body).hexdigest()[:32]}.json"
        self._put(key, body)
        meta = self.s3.meta
        # CloudFormation takes S3's own address alone, whichever endpoint put it there.
        suffix = "amazonaws.com.cn" if meta.partition == "aws-cn" else "amazonaws.com"
        return f"https://{self.name}.s3.{meta.region_name}.{suffix}/{key}"

    def put_code(self, code: Code) -> None:
        """Put the Lambdas' code. Raises OpsError."""
        self._put(code.key, code.packed())

    def _put(self, key: str, body: bytes) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        with aws_errors(f"putting {key} into {self.name}", service="s3"):
            try:
                self.s3.head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in _ABSENT:
                    raise
                self._upload(key, body)

    def _upload(self, key: str, body: bytes) -> None:
        try:
            self.s3.put_object(Bucket=self.name, Key=key, Body=body)
        except self.s3.exceptions.NoSuchBucket as error:
            raise OpsError(
                f"s3://{self.name}: expected the shared stack's bucket, found none: it was deleted "
                "by hand: make it again: ops stack apply --revert-drift --yes"
            ) from error


def bucket_is_there(s3: S3Client, name: str) -> bool:
    """Whether there is a bucket of this name. Raises OpsError, also where it is somebody else's."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with aws_errors(f"looking for {name}", service="s3"):
        try:
            s3.head_bucket(Bucket=name)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in _ABSENT:
                return False
            if code in DENIED_CODES:
                # S3 says no more: of another's bucket it is the same answer.
                raise OpsError(
                    f"AWS: looking for {name}: access denied: another account has this bucket, or "
                    "these credentials may not see it: name another in the manifest, or allow "
                    "s3:ListBucket for them"
                ) from error
            raise
    return True


def check_fixed(fleet: Fleet, wanted: str, found: str) -> None:
    """Raise OpsError where the artifact bucket is another than the shared stack has.

    `found` is "" before there is one. Each queue's stack takes its name from the shared one, which
    cannot change what others import (CloudFormation User Guide, "Get exported outputs").
    """
    if found not in ("", wanted):
        raise OpsError(
            f"{fleet.path}: aws.artifact_bucket: expected {found}, which the stacks were made with "
            f'and keep, got {wanted}: set artifact_bucket = "{found}" in [aws]',
            Exit.USAGE,
        )


def find_bucket(s3: S3Client, name: str) -> Found | None:
    """Return a bucket as it is, with the ids of its lifecycle rules, None where none is there.

    Raises OpsError, also where it is somebody else's, and ClientError.
    """
    if not bucket_is_there(s3, name):
        return None
    has = {key: _asked(call, name, part) for key, call, part in _configurations(s3)}
    rules = has["LifecycleConfiguration"] or ()
    parts = tuple(str(one.get("ID", "")) for one in rules)
    return Found(name, _tags(s3, name), parts=parts, properties=as_found.bucket(has))


def _configurations(s3: S3Client) -> tuple[tuple[str, Callable[..., Any], str], ...]:
    """Return what is asked of a bucket: the property, the call, and the part of its answer."""
    return (
        ("BucketEncryption", s3.get_bucket_encryption, "ServerSideEncryptionConfiguration"),
        ("LifecycleConfiguration", s3.get_bucket_lifecycle_configuration, "Rules"),
        ("OwnershipControls", s3.get_bucket_ownership_controls, "OwnershipControls"),
        (
            "PublicAccessBlockConfiguration",
            s3.get_public_access_block,
            "PublicAccessBlockConfiguration",
        ),
        ("VersioningConfiguration", s3.get_bucket_versioning, "Status"),
    )


def find_policy(s3: S3Client, name: str) -> Found | None:
    """Return the policy of a bucket as it is, with the ids of its statements, None for none.

    Raises ClientError.
    """
    text = _asked(s3.get_bucket_policy, name, "Policy")
    if text is None:
        return None
    document = json.loads(text)
    statements = document.get("Statement", [])
    listed = [statements] if isinstance(statements, dict) else statements
    parts = tuple(str(one.get("Sid", "")) for one in listed)
    return Found(name, None, parts=parts, properties={"PolicyDocument": document})


def tag_bucket(s3: S3Client, found: Found, tags: Mapping[str, str]) -> None:
    """Add tags to a bucket. Raises ClientError."""
    # PutBucketTagging replaces them whole.
    whole = {**_tags(s3, found.id), **tags}
    s3.put_bucket_tagging(
        Bucket=found.id,
        Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in whole.items()]},
    )


def _tags(s3: S3Client, name: str) -> dict[str, str]:
    tags = _asked(s3.get_bucket_tagging, name, "TagSet") or ()
    return {tag["Key"]: tag["Value"] for tag in tags}


def _asked(call: Callable[..., Any], bucket: str, key: str) -> Any:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        # A bucket that never was versioned has no status of it.
        return call(Bucket=bucket).get(key)
    except ClientError as error:
        if error.response["Error"]["Code"] in (*_ABSENT, *_NONE_SUCH):
            return None
        raise
