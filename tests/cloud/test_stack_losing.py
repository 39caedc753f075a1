"""`ops stack apply` where it would take something away: a bucket with data, a cluster in use."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cloud.stack_shop import Shop, shop_alone

# A fleet's stacks are made and changed, by a dozen commands.
pytestmark = pytest.mark.timeout(600)

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/media:42"
SERVICE = f'runtime = "ecs"\nnodes.image = "{IMAGE}"'


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_alone(tmp_path_factory.mktemp("losing"), "losing") as shop:
        shop.write({"task": SERVICE, "other": SERVICE}, 'payload_bucket = "losing-old"')
        shop.ok("stack", "apply", "--yes")
        yield shop


def clusters(shop: Shop) -> list[str]:
    found = shop.client("ecs").describe_clusters(clusters=["losing"])["clusters"]
    return [one["clusterName"] for one in found if one["status"] == "ACTIVE"]


def buckets(shop: Shop) -> set[str]:
    return {one["Name"] for one in shop.client("s3").list_buckets()["Buckets"]}


def test_a_bucket_is_replaced_only_where_it_is_named(fleet: Shop) -> None:
    fleet.write({"task": SERVICE, "other": SERVICE}, 'payload_bucket = "losing-new"')
    loss = (
        "losing-shared: Payloads (S3::Bucket): expected to keep losing-old, found that the change "
        "would replace it (BucketName): the objects stay behind in the old one, where the fleet "
        "may no longer read: take the change back in the manifest, or make it with --replace "
        "losing-old"
    )
    ran = fleet.run("stack", "plan")
    assert ran.returncode == 3
    assert loss in ran.stderr.splitlines()
    ran = fleet.run("stack", "apply", "--yes")
    assert ran.returncode == 1
    assert "replace" in ran.stdout
    assert ran.stderr.splitlines()[-1] == "nothing was changed"
    assert loss in ran.stderr.splitlines()
    ran = fleet.run("stack", "apply", "--yes", "--json", "--replace", "losing-older")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"{loss}\n")
    assert fleet.proposed() == []
    assert "losing-new" not in buckets(fleet)
    ran = fleet.run("stack", "apply", "--replace", "losing-old")
    assert ran.returncode == 3
    assert loss not in ran.stderr
    fleet.ok("stack", "apply", "--yes", "--replace", "losing-old")
    assert {"losing-new", "losing-old"} <= buckets(fleet)


def test_a_bucket_that_is_kept_may_leave_the_manifest(fleet: Shop) -> None:
    fleet.write({"task": SERVICE, "other": SERVICE})
    rows = {(stack, resource): change for stack, change, resource, _ in fleet.plan()}
    assert rows["losing-shared", "Payloads"] == "keep"
    fleet.ok("stack", "apply", "--yes")
    assert "losing-new" in buckets(fleet)


def test_the_cluster_goes_when_nobody_uses_it_any_more(fleet: Shop) -> None:
    # One queue changes its nodes, the other leaves the manifest with its stack still there.
    fleet.write({"task": ""})
    ran = fleet.run("stack", "plan", "--json")
    assert ran.returncode == 3
    told = json.loads(ran.stdout)
    assert told["notes"] == [
        "losing-shared: the cluster stays while losing-queue-other, losing-queue-task imports it: "
        "it goes with the ops stack apply after that has changed or is deleted"
    ]
    assert "Cluster" not in {row["resource"] for row in told["changes"]}
    fleet.ok("stack", "apply", "--yes")
    ran = fleet.run("stack", "plan")
    assert "the cluster stays while losing-queue-other imports it" in ran.stderr
    fleet.ok("stack", "destroy", "other", "--yes")
    assert clusters(fleet) == ["losing"]
    rows = {(stack, resource): change for stack, change, resource, _ in fleet.plan()}
    assert rows["losing-shared", "Cluster"] == "delete"
    fleet.ok("stack", "apply", "--yes")
    assert clusters(fleet) == []
    assert fleet.plan() == []
