"""What `ops stack` says of the release that nodes of its groups would find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.local_stacks import admin
from tests.cloud.stack_shop import Shop

NODES = "new nodes"


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, "unreleased")
    shop.furnish()
    shop.write({"mail": ""})
    yield shop
    admin(aws, "faults", "DELETE")


def said(shop: Shop, queue: str = "mail", more: str = "") -> list[str]:
    """What a plan says of the release; its last line stays the plan's own."""
    shop.write({queue: more})
    ran = shop.run("stack", "plan")
    assert ran.returncode == 3, ran.stderr
    *lines, last = ran.stderr.splitlines()
    assert last.endswith("ops stack apply --yes")
    return [line for line in lines if NODES in line]


def test_a_plan_says_where_new_nodes_find_no_release_of_their_queue(shop: Shop) -> None:
    # The bucket comes with the shared stack: before that there can be no release.
    assert said(shop) == []
    s3 = shop.client("s3")
    where = {"LocationConstraint": shop.region}
    s3.create_bucket(Bucket=shop.bucket, CreateBucketConfiguration=where)
    tags = [{"Key": "fleet:name", "Value": shop.name}]
    s3.put_bucket_tagging(Bucket=shop.bucket, Tagging={"TagSet": tags})
    none = ["there is no release yet, and new nodes do not join without: ops release put"]
    assert said(shop) == none
    assert said(shop, more='runtime = "ecs"\nnodes.image = "repo/app:1"') == []

    shop.write({"mail": ""})
    shop.ok("release", "put", "--release", "v1")
    assert said(shop) == []
    assert said(shop, "post") == [
        "release v1, which new nodes get, has no queue post: they do not join before the next one: "
        "ops release put"
    ]
    shop.fault(service="s3", operation="GetObject", code="SlowDown", status=503)
    (line,) = said(shop, "post")
    assert line.startswith("whether new nodes find a release is not known: AWS: reading ")
