"""EC2 asked, before anything is made, whether it has what the groups' nodes are to be.

An answer that does not come, as where it is denied or throttled, is unknown: it is told, and
refuses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from ops import aws
from ops.errors import Exit, OpsError
from ops.stack import image, offers
from ops.stack.offers import Offers

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef

    from ops.stack.compose import Account
    from worker.fleet import Fleet

T = TypeVar("T")

#: DescribeInstanceTypes takes no more (EC2 API Reference).
_TYPES_AT_ONCE: Final = 100


def check(fleet: Fleet, queues: Iterable[str], account: Account) -> tuple[str, ...]:
    """Return what is to be told of the instances that the groups of `queues` would have.

    Raises OpsError where they could not be: there is no image, EC2 offers a type nowhere in the
    region or in none of the groups' zones, or a type is not of the image's architecture.
    """
    chosen = [queue for each in queues if (queue := fleet.queue(each)).runtime == "ec2"]
    ami = image.read(fleet, [each.name for each in chosen])
    if ami is None:
        return ()
    told: list[str] = []
    types = sorted({each for queue in chosen for each in queue.nodes.types})
    found = _read(aws.ec2(fleet), account, ami, types, told)
    if found.image_is_absent:
        raise image.absent(fleet, account.region, ami)
    if wrong := [each for queue in chosen for each in offers.problems(queue, found)]:
        raise OpsError("\n".join(f"{fleet.path}: {each}" for each in wrong), Exit.USAGE)
    notes = (offers.note(queue, found) for queue in chosen)
    return (*told, *(each for each in notes if each is not None))


def _read(
    ec2: EC2Client, account: Account, ami: str, types: Sequence[str], told: list[str]
) -> Offers:
    def ask(what: str, call: Callable[[], T]) -> T | None:
        try:
            with aws.aws_errors(service="ec2"):
                return call()
        except OpsError as error:
            told.append(f"{what} is not known, and not looked at: {error}")
            return None

    images = ask(f"what {ami} is made for", lambda: image.architectures(ec2, ami))
    zones = ask("in which zones the groups' subnets are", lambda: _zones(ec2, account.subnets))
    return Offers(
        region=account.region,
        image=ami,
        image_is_absent=images is not None and ami not in images,
        architecture=None if images is None else images.get(ami),
        zones=zones,
        offered=ask(f"which instance types {account.region} offers", lambda: _offered(ec2, types)),
        made_for=ask("what the instance types are made for", lambda: _made_for(ec2, types)),
    )


def _zones(ec2: EC2Client, subnets: Sequence[str]) -> frozenset[str]:
    found = ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    return frozenset(each["AvailabilityZone"] for each in found)


def _offered(ec2: EC2Client, types: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the region's zones that offer a type, by type: so one call says both."""
    zones: dict[str, set[str]] = defaultdict(set)
    pages = ec2.get_paginator("describe_instance_type_offerings")
    for filters in _filters(types):
        for page in pages.paginate(LocationType="availability-zone", Filters=filters):
            for each in page["InstanceTypeOfferings"]:
                zones[each["InstanceType"]].add(each["Location"])
    return {name: frozenset(found) for name, found in zones.items()}


def _made_for(ec2: EC2Client, types: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the architectures of a type, by type."""
    pages = ec2.get_paginator("describe_instance_types")
    return {
        each["InstanceType"]: frozenset(each["ProcessorInfo"]["SupportedArchitectures"])
        for filters in _filters(types)
        for page in pages.paginate(Filters=filters)
        for each in page["InstanceTypes"]
    }


def _filters(types: Sequence[str]) -> Iterator[list[FilterTypeDef]]:
    # By name, one that EC2 does not know would fail the whole call.
    for start in range(0, len(types), _TYPES_AT_ONCE):
        yield [{"Name": "instance-type", "Values": list(types[start : start + _TYPES_AT_ONCE])}]
