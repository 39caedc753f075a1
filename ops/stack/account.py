"""What the stacks take from the account: its number, its network, what was put there before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.stack.compose import Account

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_sts import STSClient

    from ops.stack.lambda_code import Code
    from worker.fleet import Fleet


def read_account(fleet: Fleet, sts: STSClient, ec2: EC2Client, code: Code) -> Account:
    """Return the account with the network the manifest names, else its default one.

    `code` is the Lambdas'. Raises OpsError where AWS does not answer, and where
    neither the manifest nor the account has a network.
    """
    with aws_errors("asking which account this is", service="sts"):
        caller = sts.get_caller_identity()
    region = ec2.meta.region_name
    vpc, subnets = fleet.aws.vpc, tuple(fleet.aws.subnets)
    if not subnets:
        vpc, subnets = _default_network(fleet, ec2)
    elif vpc is None:
        vpc = _vpc_of(fleet, ec2, subnets)
    return Account(
        id=caller["Account"],
        region=region,
        vpc=vpc,
        subnets=subnets,
        partition=caller["Arn"].split(":")[1],
        code=code.key,
        runtime=code.runtime,
        architecture=code.architecture,
    )


def _default_network(fleet: Fleet, ec2: EC2Client) -> tuple[str, tuple[str, ...]]:
    with aws_errors("looking for the default subnets", service="ec2"):
        found: Any = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    subnets = sorted(
        (one["SubnetId"], one["VpcId"])
        for one in found["Subnets"]
        if fleet.aws.vpc in {None, one["VpcId"]}
    )
    if not subnets:
        raise OpsError(
            f"{fleet.path}: aws.subnets: expected subnets, or a default VPC in "
            f"{ec2.meta.region_name}, found neither: name the subnets of the nodes"
        )
    return subnets[0][1], tuple(subnet for subnet, _ in subnets)


def _vpc_of(fleet: Fleet, ec2: EC2Client, subnets: tuple[str, ...]) -> str:
    with aws_errors("looking for the manifest's subnets", service="ec2"):
        found: Any = ec2.describe_subnets(SubnetIds=list(subnets))
    vpcs = sorted({one["VpcId"] for one in found["Subnets"]})
    if len(vpcs) != 1:
        raise OpsError(
            f"{fleet.path}: aws.subnets: expected subnets of one VPC, found {', '.join(vpcs)}: "
            "name those of one"
        )
    return str(vpcs[0])
