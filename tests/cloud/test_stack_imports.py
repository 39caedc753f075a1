"""`ops stack` where something is there already: the fleet's is imported, anybody else's refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ops.local.aws import local_aws
from tests.cloud.local_stacks import admin
from tests.cloud.stack_shop import Shop
from tests.cloud.stack_there import (
    TLS,
    bucket_tags,
    left,
    made_bucket,
    made_queue,
    planned,
    queue_tags,
    refused,
    resources,
    sids,
    table_tags,
)

# Dozens of commands, each a process that imports boto3, over shared stacks of forty resources.
pytestmark = pytest.mark.timeout(600)

ONE = {"mail": ""}
KEY = {"AttributeName": "id", "AttributeType": "S"}


def stores(*, payloads: bool = False, table: bool = False, bucket: str = "") -> str:
    lines = ['payload_bucket = "took-payloads"'] if payloads else []
    if table or bucket:
        kept = f'backend = "s3", bucket = "{bucket}"' if bucket else 'backend = "dynamodb"'
        lines.append(f"results = {{ {kept} }}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("imports")
    # No schedule fires: nothing is scaled while it is looked at.
    arguments = ["--folder", str(folder / "state"), "--minute", "3600"]
    with local_aws(folder, lambda: None, arguments) as url:
        yield url


@pytest.fixture(scope="module")
def begun(url: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A fleet that has a bucket, a table and a queue by `ops`, before it has stacks."""
    shop = Shop(url, tmp_path_factory.mktemp("took"), "took")
    shop.furnish()
    shop.write(ONE, stores(payloads=True, table=True))
    shop.ok("queues", "apply", "--yes")
    shop.ok("stores", "apply", "--yes")
    assert sids(shop, "took-payloads") == [TLS]
    shop.ok("stack", "apply", "--yes")
    return shop


@pytest.fixture
def shop(begun: Shop) -> Iterator[Shop]:
    begun.write(ONE, stores(payloads=True, table=True))
    yield begun
    admin(begun.url, "faults", "DELETE")


def test_what_ops_made_before_is_imported_with_its_policy(shop: Shop) -> None:
    found = resources(shop, "shared")
    assert found["Payloads"] == found["PayloadsPolicy"] == "took-payloads"
    assert found["Results"] == "took-results"
    assert resources(shop, "queue-mail")["Messages"] == shop.queue_url("mail")
    assert left(shop) == []
    ran = shop.run("stack", "drift")
    assert (ran.returncode, ran.stdout) == (0, "")
    # On its way it was never less than it had been.
    calls = admin(shop.url, "calls")["calls"]
    done = {one["operation"] for one in calls if one["service"] == "s3"}
    assert "PutPublicAccessBlock" in done
    assert not {each for each in done if each.startswith("Delete")}


def test_what_left_the_manifest_was_kept_and_is_put_back_is_imported_again(shop: Shop) -> None:
    s3 = shop.client("s3")
    s3.put_object(Bucket="took-payloads", Key="payloads/a", Body=b"kept")
    shop.write(ONE)
    shop.ok("stack", "apply", "--yes")
    assert not {"Payloads", "PayloadsPolicy", "Results"} & set(resources(shop, "shared"))
    shop.write(ONE, stores(payloads=True, table=True))
    rows = planned(shop)
    assert rows["took-shared", "Payloads"] == rows["took-shared", "Results"] == "import"
    # Its policy went with the manifest's bucket.
    assert rows["took-shared", "PayloadsPolicy"] == "create"
    assert rows["took-shared", "(any)"] == "perhaps change"
    assert not {"delete", "replace"} & set(rows.values())
    ran = shop.ok("stack", "apply", "--yes")
    assert (
        "took-shared: what is there already is imported first; what else would change is told by "
        "a second change set, which comes after it"
    ) in ran.stderr.splitlines()
    found = resources(shop, "shared")
    assert (found["Payloads"], found["Results"]) == ("took-payloads", "took-results")
    assert s3.get_object(Bucket="took-payloads", Key="payloads/a")["Body"].read() == b"kept"
    assert sids(shop, "took-payloads") == [TLS]
    assert bucket_tags(shop, "took-payloads")["fleet:name"] == "took"
    assert table_tags(shop, "took-results")["fleet:name"] == "took"
    assert left(shop) == []
    ran = shop.run("stack", "drift")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_what_ops_made_meanwhile_is_imported_into_the_stack_that_is_there(shop: Shop) -> None:
    shop.write(ONE, stores(payloads=True, bucket="took-objects"))
    shop.ok("stores", "apply", "--yes")
    rows = planned(shop)
    assert rows["took-shared", "ResultsObjects"] == "import"
    assert rows["took-shared", "ResultsObjectsPolicy"] == "import"
    # What leaves with it is told as well.
    assert rows["took-shared", "Results"] == "keep"
    shop.ok("stack", "apply", "--yes")
    found = resources(shop, "shared")
    assert found["ResultsObjects"] == found["ResultsObjectsPolicy"] == "took-objects"
    assert "Results" not in found
    assert left(shop) == []
    shop.write(ONE, stores(payloads=True, table=True))
    shop.ok("stack", "apply", "--yes")


def test_what_has_no_fleet_s_tag_is_taken_by_its_name_alone(shop: Shop) -> None:
    made_queue(shop, "took-plain", {"app": "billing"})
    shop.write({**ONE, "plain": ""}, stores(payloads=True, table=True))
    assert refused(shop, "plain") == [
        "took-queue-plain: took-plain (SQS::Queue): expected tag fleet:name = took, found none: it "
        "may be anybody's: add --import took-plain to take it for this fleet, or rename the fleet "
        "or the queue"
    ]
    (line,) = refused(shop, "plain", "--import", "took-pain", code=2)
    assert line.startswith("--import: expected the name of a queue, table, bucket, ")
    assert "got took-pain" in line
    named = ["plain", "--import", "took-plain"]
    assert planned(shop, *named)["took-queue-plain", "Messages"] == "import"
    assert queue_tags(shop, "plain") == {"app": "billing"}

    shop.fault(service="sqs", operation="TagQueue", code="AccessDenied", status=403)
    ran = shop.run("stack", "apply", *named, "--yes")
    assert ran.returncode == 1
    assert "took-queue-plain: AWS: tagging took-plain: access denied" in ran.stderr
    assert "took-queue-plain" not in shop.stacks()
    assert shop.proposed() == []
    admin(shop.url, "faults", "DELETE")

    # It fails after the import: the stack that is left is the fleet's, and so is the queue.
    shop.fault(
        service="autoscaling", operation="CreateAutoScalingGroup", code="LimitExceeded", times=1
    )
    ran = shop.run("stack", "apply", *named, "--yes")
    assert ran.returncode == 1
    assert "LimitExceeded" in ran.stderr
    # What was rolled back is as it was before: no default took the lease's place.
    sqs, url = shop.client("sqs"), shop.queue_url("plain")
    asked = {"QueueUrl": url, "AttributeNames": ["All"]}
    attributes = sqs.get_queue_attributes(**asked)["Attributes"]
    assert (attributes["VisibilityTimeout"], "RedrivePolicy" in attributes) == ("7", False)
    shop.ok("stack", "apply", "plain", "--yes")
    attributes = sqs.get_queue_attributes(**asked)["Attributes"]
    assert (attributes["VisibilityTimeout"], "RedrivePolicy" in attributes) != ("7", False)
    assert queue_tags(shop, "plain") == {
        "app": "billing",
        "fleet:name": "took",
        "fleet:queue": "plain",
    }
    assert resources(shop, "queue-plain")["Messages"] == shop.queue_url("plain")
    # Named again it is no mistake.
    assert left(shop, *named) == []


def test_a_bucket_and_a_table_of_no_fleet_s_are_tagged_on_the_way_into_a_stack(shop: Shop) -> None:
    shop.write(ONE)
    shop.ok("stack", "apply", "--yes")
    made_bucket(shop, "took-by-hand")
    dynamodb, s3 = shop.client("dynamodb"), shop.client("s3")
    s3.put_bucket_tagging(Bucket="took-by-hand", Tagging={"TagSet": [{"Key": "app", "Value": "x"}]})
    dynamodb.delete_table(TableName="took-results")
    dynamodb.create_table(
        TableName="took-results",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[KEY],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    shop.write(ONE, f'payload_bucket = "took-by-hand"\n{stores(table=True)}')
    lines = refused(shop)
    assert len(lines) == 2
    for name, kind in (("took-results", "DynamoDB::Table"), ("took-by-hand", "S3::Bucket")):
        (line,) = (line for line in lines if line.startswith(f"took-shared: {name} ({kind}): "))
        assert f"add --import {name} to take it" in line
    shop.ok("stack", "apply", "--import", "took-results", "--import", "took-by-hand", "--yes")
    assert table_tags(shop, "took-results")["fleet:name"] == "took"
    assert bucket_tags(shop, "took-by-hand")["fleet:name"] == "took"
    assert sids(shop, "took-by-hand") == [TLS]
    # The table had no time to live: it is set, as nothing was said of it that is not so.
    ttl = dynamodb.describe_time_to_live(TableName="took-results")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
    drift = json.loads(shop.run("stack", "drift", "--json").stdout)["drift"]
    # Tags of others stay.
    assert {row["property"].partition(".")[0] for row in drift} == {"Tags"}, drift
