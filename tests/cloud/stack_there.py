"""What is there beside a fleet's stacks, made and looked at by hand, and what a plan says of it."""

from __future__ import annotations

import json

from tests.cloud.local_stacks import Stacks
from tests.cloud.stack_shop import Shop

TLS = "FleetTlsOnly"


def resources(shop: Shop, stack: str) -> dict[str, str]:
    """What a stack has: physical by logical ids."""
    return Stacks(shop.url).physical(f"{shop.name}-{stack}")


def planned(shop: Shop, *args: str) -> dict[tuple[str, str], str]:
    """What a plan would do, by stack and resource."""
    ran = shop.run("stack", "plan", *args, "--json")
    assert ran.returncode == 3, ran.stderr
    return {(c["stack"], c["resource"]): c["change"] for c in json.loads(ran.stdout)["changes"]}


def refused(shop: Shop, *args: str, code: int = 1) -> list[str]:
    """What is said by a plan, and by `apply`, which must both fail and leave nothing."""
    said = []
    before = shop.stacks()
    for verb in (["plan"], ["apply", "--yes"]):
        ran = shop.run("stack", *verb, *args)
        assert (ran.returncode, ran.stdout) == (code, ""), ran.stderr
        said.append(ran.stderr.splitlines())
    assert said[0] == said[1]
    assert (shop.stacks(), shop.proposed()) == (before, [])
    return said[0]


def left(shop: Shop, *args: str) -> list[tuple[str, str, str, str | None]]:
    """What a plan would still change, but for the Lambdas' code, which is this tree's."""
    return [row for row in shop.plan(*args) if row[3] != "Code"]


def sids(shop: Shop, bucket: str) -> list[str]:
    """The statements of a bucket's policy, "" for one without a name."""
    policy = shop.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    found = json.loads(policy)["Statement"]
    return [each.get("Sid", "") for each in ([found] if isinstance(found, dict) else found)]


def queue_tags(shop: Shop, queue: str) -> dict[str, str]:
    """The tags of a queue of the fleet."""
    found = shop.client("sqs").list_queue_tags(QueueUrl=shop.queue_url(queue))
    tags: dict[str, str] = found.get("Tags", {})
    return tags


def table_tags(shop: Shop, table: str) -> dict[str, str]:
    """The tags of a table."""
    dynamodb = shop.client("dynamodb")
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def bucket_tags(shop: Shop, bucket: str) -> dict[str, str]:
    """The tags of a bucket."""
    tags = shop.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def made_bucket(shop: Shop, name: str, tags: dict[str, str] | None = None) -> None:
    """Create a bucket by hand."""
    place = {"LocationConstraint": shop.region}
    s3 = shop.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    if tags:
        tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})


def made_queue(shop: Shop, name: str, tags: dict[str, str] | None = None) -> str:
    """Create a queue by hand, otherwise than any fleet would."""
    made = shop.client("sqs").create_queue(
        QueueName=name, Attributes={"VisibilityTimeout": "7"}, tags=tags or {}
    )
    return str(made["QueueUrl"])
