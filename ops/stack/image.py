"""The nodes' image, looked up before any stack is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ops import aws
from ops.errors import OpsError
from ops.stack import names

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ssm import SSMClient

    from worker.fleet import Fleet

#: EC2 API Reference, DescribeImages: 8 or, since 2016, 17 hexadecimal digits.
_AMI: Final = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_SHOWN_CHARACTERS: Final = 60
#: EC2 API Reference, "Error codes": no such image, or none that these credentials may use.
_ABSENT: Final = tuple(f"InvalidAMIID.{each}" for each in ("Malformed", "NotFound", "Unavailable"))


def read(fleet: Fleet, queues: Iterable[str]) -> str | None:
    """Return the id of the image that the groups of `queues` have, None where none is a group.

    Asks SSM once, and only where the image is a parameter. Raises OpsError where the parameter
    holds none, or it cannot be known: CloudFormation says no as well, but in the middle of an
    apply.
    """
    name = names.image_parameter(fleet)
    if not any(fleet.queue(each).runtime == "ec2" for each in queues):
        return None
    return _look(aws.ssm(fleet), name) if name.startswith("/") else name


def architectures(ec2: EC2Client, ami: str) -> dict[str, str]:
    """Return by an image's id what it is made for (`arm64`, `x86_64`), nothing where EC2 has none.

    Raises botocore's errors where EC2 does not say.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        images = ec2.describe_images(ImageIds=[ami])["Images"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            return {}
        raise
    return {each["ImageId"]: each["Architecture"] for each in images}


def absent(fleet: Fleet, region: str, ami: str) -> OpsError:
    """Return what to tell where EC2 has no image of this id."""
    name = names.image_parameter(fleet)
    if name.startswith("/"):
        return _wrong(region, name, f"{ami}, which EC2 does not have there")
    return OpsError(
        f"{fleet.path}: aws.image: expected an AMI of {region}, found that EC2 does not have {ami} "
        "there: make an image (deploy/image/README.md) and name it, or the SSM parameter of its "
        "id; a local fleet has the one it was started with: ops local down, then ops local up"
    )


def _look(ssm: SSMClient, name: str) -> str:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    region = ssm.meta.region_name
    with aws.aws_errors(f"reading {name}", service="ssm"):
        try:
            value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
                raise
            raise _wrong(region, name, "no such parameter") from None
    if _AMI.fullmatch(value) is None:
        raise _wrong(region, name, repr(value[:_SHOWN_CHARACTERS]))
    return value


def _wrong(region: str, name: str, found: str) -> OpsError:
    return OpsError(
        f"{name}: expected the id of an AMI in this SSM parameter of {region}, found {found}: make "
        "an image (deploy/image/README.md) and write its id there, or name one with aws.image; a "
        "local fleet is given it when it starts: ops local down, then ops local up"
    )
