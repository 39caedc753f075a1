"""What the stacks take from the artifact bucket: templates too large to send, the Lambdas' code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws import DENIED_CODES, aws_errors
from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.stack.lambda_code import Code

_ABSENT = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")


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
        self._put(code.key, code.data)

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
                f"by hand: make it again (aws s3 mb s3://{self.name}), and run it again"
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
