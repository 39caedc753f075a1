"""What the stacks take from the artifact bucket: templates too large to send, the Lambdas' code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.stack.lambda_code import Code

_ABSENT = ("404", "NoSuchKey", "NotFound")


@dataclass(frozen=True, slots=True)
class Bucket:
    """The artifact bucket; what lies in it is named by its content, and never changed."""

    s3: S3Client
    name: str

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
                self.s3.put_object(Bucket=self.name, Key=key, Body=body)
