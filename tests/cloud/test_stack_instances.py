"""`ops stack` where EC2 has not what the nodes are to be, and where it does not say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.aws import local_environment
from tests.cloud.local_stacks import REGION, admin
from tests.cloud.stack_shop import IMAGE, Shop
from tests.faulty import Faulty

X86 = "ami-12c6146b"
#: By moto's list of eu-central-1: in no zone of it, and in its zone c alone.
NOWHERE, IN_C = "c7gn.large", "g5g.xlarge"


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, "typed")
    shop.furnish()
    yield shop
    admin(aws, "faults", "DELETE")


def write(shop: Shop, *types: str, aws: str = "") -> None:
    shop.write({"mail": f"nodes.types = {json.dumps(types)}"}, tail=f"[aws]\n{aws}")


def subnets(shop: Shop, *zones: str) -> str:
    """Return the manifest's line of the default subnets in zones of the region."""
    filters = [{"Name": "availability-zone", "Values": [f"{REGION}{each}" for each in zones]}]
    found = shop.client("ec2").describe_subnets(Filters=filters)["Subnets"]
    return f"subnets = {json.dumps([each['SubnetId'] for each in found])}\n"


def refused(shop: Shop, *words: str, code: int = 2) -> list[str]:
    """Plan and apply what must be refused before anything is made; return what they say alike."""
    said = []
    for verb in (("plan",), ("apply", "--yes")):
        ran = shop.run("stack", *verb, *words)
        assert (ran.returncode, ran.stdout) == (code, ""), ran.stderr
        said.append(ran.stderr.splitlines())
    assert said[0] == said[1]
    assert shop.stacks() == {}
    return said[0]


def notes(shop: Shop) -> list[str]:
    """Plan what is not refused; return its notes, which people are told as well."""
    ran = shop.run("stack", "plan", "--json")
    assert ran.returncode == 3, ran.stderr
    found: list[str] = json.loads(ran.stdout)["notes"]
    assert set(found) <= set(ran.stderr.splitlines())
    return found


def place(queue: str = "mail") -> str:
    return f"fleet.toml: queues.{queue}.nodes.types: expected"


def test_types_that_the_region_does_not_offer_are_refused(shop: Shop) -> None:
    shop.write(
        {
            "mail": f'nodes.types = ["m7g.large", "{NOWHERE}"]',
            "video": 'nodes.types = ["m99g.large"]',
            "clips": f'runtime = "ecs"\nnodes.image = "team/clips:1"\nnodes.types = ["{NOWHERE}"]',
        }
    )
    remedy = "name others (aws ec2 describe-instance-type-offerings lists them)"
    assert refused(shop) == [
        f"{place()} types that {REGION} offers, got {NOWHERE}: {remedy}",
        f"{place('video')} types that {REGION} offers, got m99g.large: {remedy}",
    ]
    assert len(refused(shop, "video", code=2)) == 1
    assert "the shared stack before a queue's" in refused(shop, "clips", code=1)[0]


def test_types_that_no_zone_of_the_group_offers_are_refused(shop: Shop) -> None:
    write(shop, "m7g.large", IN_C, aws=subnets(shop, "a", "b"))
    assert refused(shop) == [
        f"{place()} types that a zone of the group's subnets offers ({REGION}a, {REGION}b), "
        f"got {IN_C}: name others, or a subnet in {REGION}c with aws.subnets"
    ]
    # The remedy helps; and what only some of its zones offer is not worth a word.
    write(shop, "m7g.large", IN_C, aws=subnets(shop, "b", "c"))
    assert notes(shop) == []
    write(shop, "m7g.large", IN_C)
    assert notes(shop) == []


def test_a_zone_that_offers_none_of_the_types_is_told(shop: Shop) -> None:
    write(shop, IN_C)
    assert notes(shop) == [
        f"mail: it has no node in {REGION}a, {REGION}b: EC2 offers none of nodes.types there"
    ]


def test_types_that_are_not_what_the_image_is_made_for_are_refused(shop: Shop) -> None:
    write(shop, "m7i.large", "t2.micro")
    (line,) = refused(shop)
    assert line.startswith(
        f"{place()} types of the image's architecture ({IMAGE} is arm64), got m7i.large or "
        "t2.micro (i386, x86_64): name others, or an image that is made for them with aws.image"
    )
    assert "ops local down, then ops local up" in line
    write(shop, "m7i.large", "t2.micro", aws=f'image = "{X86}"')
    assert notes(shop) == []
    write(shop, "m7g.large", aws=f'image = "{X86}"')
    assert f"({X86} is x86_64), got m7g.large (arm64): " in refused(shop)[0]


def test_an_image_that_ec2_does_not_have_is_refused(shop: Shop) -> None:
    write(shop, "m7g.large", aws='image = "ami-0a1b2c3d"')
    (line,) = refused(shop, code=1)
    assert line.startswith(
        f"fleet.toml: aws.image: expected an AMI of {REGION}, found that EC2 "
        "does not have ami-0a1b2c3d there: make an image"
    )
    shop.client("ssm").put_parameter(
        Name=f"/{shop.name}/image", Value="ami-0a1b2c3e", Overwrite=True
    )
    write(shop, "m7g.large")
    (line,) = refused(shop, code=1)
    assert line.startswith(
        f"/{shop.name}/image: expected the id of an AMI in this SSM parameter of {REGION}, found "
        "ami-0a1b2c3e, which EC2 does not have there: make an image"
    )


OFFERINGS = ("DescribeInstanceTypeOfferings", f"which instance types {REGION} offers")
DENIED = ("UnauthorizedOperation", 403, "allow ec2:{} for these credentials")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (OFFERINGS, DENIED),
        (OFFERINGS, ("RequestLimitExceeded", 503, "AWS asks to slow down: wait a moment")),
        (OFFERINGS, ("InternalError", 500, "{} was refused: InternalError")),
        (("DescribeInstanceTypes", "what the instance types are made for"), DENIED),
        (("DescribeImages", f"what {IMAGE} is made for"), DENIED),
    ],
)
def test_what_ec2_does_not_say_is_told_and_refuses_nothing(
    shop: Shop, asked: tuple[str, str], fault: tuple[str, int, str]
) -> None:
    operation, what = asked
    code, status, said = fault
    # Each would be refused by the answer that does not come, and by no other.
    write(shop, NOWHERE if asked is OFFERINGS else "m7i.large")
    shop.fault(service="ec2", operation=operation, code=code, status=status)
    (note,) = notes(shop)
    assert note.startswith(f"{what} is not known, and not looked at: AWS: ")
    assert said.format(operation) in note


def test_where_the_zones_are_not_known_the_region_is_looked_at(shop: Shop) -> None:
    manifest = f'vpc = "vpc-0a1b2c3d"\n{subnets(shop, "a")}'
    shop.fault(service="ec2", operation="DescribeSubnets", code="UnauthorizedOperation", status=403)
    write(shop, IN_C, aws=manifest)
    (note,) = notes(shop)
    assert note.startswith("in which zones the groups' subnets are is not known, and not looked ")
    write(shop, NOWHERE, aws=manifest)
    assert f"got {NOWHERE}: name others" in refused(shop)[-1]


def test_all_queues_are_asked_about_at_once_and_every_page_is_read(
    shop: Shop, proxy: Faulty
) -> None:
    pages = (
        shop.client("ec2")
        .get_paginator("describe_instance_types")
        .paginate(Filters=[{"Name": "processor-info.supported-architecture", "Values": ["arm64"]}])
    )
    known = [each["InstanceType"] for page in pages for each in page["InstanceTypes"]]
    pages = (
        shop.client("ec2")
        .get_paginator("describe_instance_type_offerings")
        .paginate(
            LocationType="availability-zone",
            Filters=[{"Name": "location", "Values": [f"{REGION}{each}" for each in "ab"]}],
        )
    )
    offered = {each["InstanceType"] for page in pages for each in page["InstanceTypeOfferings"]}
    types = sorted(offered & set(known))
    assert len(types) > 240
    queues = {f"q{n}": types[n * 40 : (n + 1) * 40] for n in range(6)}
    shop.write({name: f"nodes.types = {json.dumps(some)}" for name, some in queues.items()})
    through = Shop(proxy.url, shop.folder, shop.name)
    assert local_environment(proxy.url)["AWS_ENDPOINT_URL"] == proxy.url
    assert notes(through) == []
    # Three hundreds of types, each of them in three zones, a hundred answers a page.
    assert proxy.count("DescribeInstanceTypes") == 3
    assert 3 < proxy.count("DescribeInstanceTypeOfferings") <= 9
    assert proxy.count("DescribeImages") == 1
    queues["q5"][-1] = "z1gn.large"
    shop.write({name: f"nodes.types = {json.dumps(some)}" for name, some in queues.items()})
    assert "got z1gn.large: " in refused(shop)[0]
