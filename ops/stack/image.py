"""The SSM parameter of the nodes' image, looked up before any stack is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ops import aws
from ops.errors import OpsError
from ops.stack import names

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

    from worker.fleet import Fleet

#: EC2 API Reference, DescribeImages: 8 or, since 2016, 17 hexadecimal digits.
_AMI: Final = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_SHOWN_CHARACTERS: Final = 60


def check(fleet: Fleet, queues: Iterable[str]) -> None:
    """Raise OpsError where the groups of `queues` would have no image, or it cannot be known.

    Asks SSM once, and only where a queue has instances and their image is a parameter:
    CloudFormation says no as well, but in the middle of an apply.
    """
    name = names.image_parameter(fleet)
    if name.startswith("/") and any(fleet.queue(each).runtime == "ec2" for each in queues):
        _look(aws.ssm(fleet), name)


def _look(ssm: SSMClient, name: str) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with aws.aws_errors(f"reading {name}", service="ssm"):
        try:
            value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
                raise
            raise _wrong(ssm, name, "no such parameter") from None
    if _AMI.fullmatch(value) is None:
        raise _wrong(ssm, name, repr(value[:_SHOWN_CHARACTERS]))


def _wrong(ssm: SSMClient, name: str, found: str) -> OpsError:
    return OpsError(
        f"{name}: expected the id of an AMI in this SSM parameter of {ssm.meta.region_name}, found "
        f"{found}: make an image (deploy/image/README.md) and write its id there, or name one with "
        "aws.image; a local fleet is given it when it starts: ops local down, then ops local up"
    )
