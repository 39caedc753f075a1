"""A stack's status, asked of CloudFormation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.aws import aws_errors
from ops.stack.states import GONE

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def status_of(client: CloudFormationClient, stack: str) -> str:
    """Return a stack's status, "" where there is none of this name or id. Raises OpsError.

    A deleted one is none, also where its id or a moment's delay has CloudFormation tell of it.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with aws_errors(f"reading {stack}", service="cloudformation"):
        try:
            status = str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            details: Any = error.response.get("Error", {})
            # ValidationError is all that DescribeStacks says of a stack that does not exist.
            if details.get("Code") == "ValidationError" and "does not exist" in str(
                details.get("Message")
            ):
                return ""
            raise
    return "" if status == GONE else status
