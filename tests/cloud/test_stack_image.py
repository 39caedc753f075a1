"""`ops stack` where the image of the nodes is none: told at the plan, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.local_stacks import REGION, admin
from tests.cloud.stack_shop import IMAGE, Shop


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, "imageless")
    shop.write({"mail": ""})
    yield shop
    admin(aws, "faults", "DELETE")


def refused(shop: Shop, *args: str) -> str:
    ran = shop.run("stack", *args)
    assert (ran.returncode, ran.stdout) == (1, ""), ran.stderr
    assert shop.stacks() == {}
    return ran.stderr.splitlines()[-1]


def test_an_image_that_is_none_is_told_before_anything_is_made(shop: Shop) -> None:
    ssm, name = shop.client("ssm"), f"/{shop.name}/image"
    place = f"{name}: expected the id of an AMI in this SSM parameter of {REGION}, found"
    for verb in (("plan",), ("apply", "--yes")):
        line = refused(shop, *verb)
        assert line.startswith(f"{place} no such parameter: make an image")
        assert "ops local down, then ops local up" in line
    ssm.put_parameter(Name=name, Value="debian-13", Type="String")
    assert refused(shop, "plan").startswith(f"{place} 'debian-13': ")
    shop.fault(service="ssm", code="AccessDeniedException", status=400)
    line = refused(shop, "plan")
    assert line.startswith(f"AWS: reading {name}: access denied: ")
    assert line.endswith("allow ssm:GetParameter for these credentials")
    # Who names an image, and who has no instances, is asked for no parameter.
    for queue, tail in (
        ("", f'[aws]\nimage = "{IMAGE}"'),
        ('runtime = "ecs"\nnodes.image = "repo/app:1"', ""),
    ):
        shop.write({"mail": queue}, tail=tail)
        assert shop.run("stack", "plan").returncode == 3
