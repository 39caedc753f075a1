"""Where in an AWS account the fleet's stacks are put, and what the account holds them to."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from worker.manifest.fields import Bucket, matching, tuple_of_list
from worker.manifest.images import Image
from worker.manifest.policies import PolicyArn

_ID = "[0-9a-f]{8,17}"
VPC_PATTERN = f"^vpc-{_ID}$"
SUBNET_PATTERN = f"^subnet-{_ID}$"
GROUP_PATTERN = f"^sg-{_ID}$"
ADDRESS_PATTERN = r"^[^@\s]{1,64}@[^@\s]{1,189}$"

Vpc = Annotated[
    str,
    matching(VPC_PATTERN, 'a VPC such as "vpc-0a1b2c3d"', "write its id"),
    WithJsonSchema({"type": "string", "pattern": VPC_PATTERN}),
]
Subnet = Annotated[
    str,
    matching(SUBNET_PATTERN, 'a subnet such as "subnet-0a1b2c3d"', "write its id"),
    WithJsonSchema({"type": "string", "pattern": SUBNET_PATTERN}),
]
SecurityGroup = Annotated[
    str,
    matching(GROUP_PATTERN, 'a security group such as "sg-0a1b2c3d"', "write its id"),
    WithJsonSchema({"type": "string", "pattern": GROUP_PATTERN}),
]
Address = Annotated[
    str,
    matching(ADDRESS_PATTERN, 'an address such as "ops@example.com"', "write the address alone"),
    WithJsonSchema({"type": "string", "pattern": ADDRESS_PATTERN}),
]


class Aws(BaseModel):
    """What `ops stack` needs to know of the account beside the queues."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    vpc: Vpc | None = None
    """The VPC of the nodes; the region's default VPC unless named."""

    # An Auto Scaling group or a service in more subnets than that is none that anybody has.
    subnets: Annotated[
        tuple[Subnet, ...], Field(max_length=16), BeforeValidator(tuple_of_list)
    ] = ()
    """The subnets of the nodes, at most 16; those of the default VPC that are a zone's default,
    unless named."""

    # EC2: at most 5 security groups a network interface, which AWS raises to 16 on request.
    security_groups: Annotated[
        tuple[SecurityGroup, ...], Field(max_length=16), BeforeValidator(tuple_of_list)
    ] = ()
    """The security groups of the nodes, at most 16; else one a queue, which lets nothing in and
    everything out."""

    image: Image | None = None
    """The image of the nodes: an AMI ("ami-0a1b2c3d"), or the SSM parameter that holds its id;
    "/{fleet}/image" unless said otherwise."""

    artifact_bucket: Bucket | None = None
    """The S3 bucket of releases and templates; "{fleet}-artifacts-{account}-{region}" unless
    named."""

    # SNS's own quota is far higher; a longer list is a mailing list's work.
    alarms_to: Annotated[
        tuple[Address, ...], Field(max_length=20), BeforeValidator(tuple_of_list)
    ] = ()
    """Mail addresses that alarms are sent to, at most 20; each must confirm once."""

    boundary: PolicyArn | None = None
    """The ARN of a policy that bounds every role of the stacks (a permissions boundary)."""

    instances_quota: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """The most instances the account may run: 1 to 1000000. `ops stack plan` refuses a manifest
    whose queues together may have more (nodes.max of each with runtime = "ec2", and its warm
    pool)."""
