"""Releases in the fleet's artifact bucket."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.release.pointer import CURRENT, MOST_BYTES, BadPointer, Pointer, key_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.release.artifact import Artifact

_ABSENT = ("NoSuchKey", "NoSuchBucket", "404", "NotFound")


def put(s3: S3Client, bucket: str, artifact: Artifact) -> bool:
    """Put a release into the bucket, unless it is there; return whether it was put.

    A release is never changed: what has its name and another content is refused. Raises OpsError.
    """
    key = key_of(artifact.release)
    there = _sha256_of(s3, bucket, key)
    if there == artifact.sha256:
        return False
    if there is not None:
        raise OpsError(
            f"s3://{bucket}/{key}: expected release {artifact.release} to be new or the same, "
            "found other contents under this name: give it another with --release"
        )
    digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
    with _calls(f"putting {key} into {bucket}", bucket):
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=artifact.data,
            ContentType="application/gzip",
            ChecksumSHA256=digest,
            Metadata={"sha256": artifact.sha256},
        )
    return True


def make_current(s3: S3Client, bucket: str, pointer: Pointer) -> None:
    """Have nodes that start from now on run this release. Raises OpsError."""
    with _calls(f"putting {CURRENT} into {bucket}", bucket):
        s3.put_object(
            Bucket=bucket, Key=CURRENT, Body=pointer.text(), ContentType="application/json"
        )


def current(s3: S3Client, bucket: str) -> Pointer | None:
    """Return the release that new nodes run, None where there was none yet. Raises OpsError."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        with _calls(f"reading {CURRENT} in {bucket}", bucket):
            try:
                body = s3.get_object(Bucket=bucket, Key=CURRENT)["Body"]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                    return None
                raise
            return Pointer.read(body.read(MOST_BYTES))
    except BadPointer as error:
        raise OpsError(
            f"s3://{bucket}/{CURRENT}: {error}: put a release (ops release put)"
        ) from error


@contextmanager
def _calls(doing: str, bucket: str) -> Iterator[None]:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with aws_errors(doing, service="s3"):
        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchBucket":
                raise
            raise OpsError(
                f"s3://{bucket}: expected the fleet's artifact bucket, found none: it comes with "
                "the shared stack: ops stack apply --yes"
            ) from error


def _sha256_of(s3: S3Client, bucket: str, key: str) -> str | None:
    """Return the hash a release was put with, "" where it has none, None where it is absent."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with _calls(f"reading {key} in {bucket}", bucket):
        try:
            return s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256", "")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None
            raise
