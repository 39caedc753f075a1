"""`ops stack` refuses to take what is another's: it is told before anything is done, and stays."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.local.aws import local_environment
from ops.stack.compose import shared
from ops.stack.importing import Finder
from ops.stack.whose import imports, refusals
from tests.cloud.local_stacks import Stacks, admin, of
from tests.cloud.stack_shop import Shop
from tests.cloud.stack_there import made_bucket, made_queue, refused, sids
from tests.unit.stack_fleets import ACCOUNT
from worker.fleet import load

NUMBERS = itertools.count(1)
ONE = {"mail": ""}


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, f"mine{next(NUMBERS)}")
    shop.furnish()
    yield shop
    admin(aws, "faults", "DELETE")


def test_another_fleet_s_is_never_taken(shop: Shop) -> None:
    # Fleet mine1 with queue a-b, and fleet mine1-a with queue b, call theirs the same.
    name, other = f"{shop.name}-a-b", f"{shop.name}-a"
    url = made_queue(shop, name, {"fleet:name": other, "fleet:queue": "b"})
    made_bucket(shop, f"{other}-big", {"fleet:name": other})
    shop.write({**ONE, "a-b": ""}, f'payload_bucket = "{other}-big"')
    # All of it at once, whatever stack it is in.
    lines = [
        f"{shop.name}-shared: {other}-big (S3::Bucket): expected tag fleet:name = {shop.name}, "
        f"found {other}: it is another fleet's: name another (aws.artifact_bucket, "
        "payload_bucket, results.bucket)",
        f"{shop.name}-queue-a-b: {name} (SQS::Queue): expected tag fleet:name = {shop.name}, "
        f"found {other}: it is another fleet's: rename the fleet or the queue",
    ]
    assert refused(shop) == lines
    assert refused(shop, "--import", name, "--import", f"{other}-big") == lines
    attributes = shop.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "7"
    assert "RedrivePolicy" not in attributes["Attributes"]


def test_a_bucket_with_others_rules_or_statements_stays_as_it_is(shop: Shop) -> None:
    name = f"{shop.name}-company"
    made_bucket(shop, name, {"fleet:name": shop.name})
    theirs = {
        "ID": "archive",
        "Status": "Enabled",
        "Filter": {"Prefix": "books/"},
        "Expiration": {"Days": 3650},
    }
    # One of the fleet's from another day is no hindrance.
    ours = {**theirs, "ID": "fleet-results", "Filter": {"Prefix": "results/"}}
    s3 = shop.client("s3")
    s3.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": [theirs, ours]}
    )
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    s3.put_bucket_policy(Bucket=name, Policy=policy)
    shop.write(ONE, f'payload_bucket = "{name}"')
    own = (
        "they would be lost: give the fleet a bucket of its own (aws.artifact_bucket, "
        "payload_bucket, results.bucket)"
    )
    assert refused(shop) == [
        f"{shop.name}-shared: {name} (S3::Bucket): expected no lifecycle rules but "
        f"fleet-payloads, fleet-results, found archive: {own}",
        f"{shop.name}-shared: {name} (S3::BucketPolicy): expected no statements but FleetTlsOnly, "
        f"found one without a name: {own}",
    ]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert {rule["ID"] for rule in rules} == {"archive", "fleet-results"}
    assert sids(shop, name) == [""]


def test_a_table_with_another_key_is_not_the_fleet_s(shop: Shop) -> None:
    name = f"{shop.name}-once"
    shop.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        Tags=[{"Key": "fleet:name", "Value": shop.name}],
    )
    shop.write(ONE)
    assert refused(shop) == [
        f"{shop.name}-shared: {name} (DynamoDB::Table): expected the key key, found id, which "
        "cannot be changed: delete the table, or rename the fleet"
    ]


def test_the_artifact_bucket_of_a_fleet_that_is_there_is_fixed(shop: Shop) -> None:
    # The shared stack is there in name only.
    stack = f"{shop.name}-shared"
    shop.client("cloudformation").create_stack(
        StackName=stack,
        TemplateBody=json.dumps(
            {
                "Parameters": {"ArtifactBucket": {"Type": "String"}},
                **of(Topic={"Type": "AWS::SNS::Topic"}),
            }
        ),
        Parameters=[{"ParameterKey": "ArtifactBucket", "ParameterValue": shop.bucket}],
        Tags=[{"Key": "fleet:name", "Value": shop.name}],
    )
    assert Stacks(shop.url).settled(stack) == "CREATE_COMPLETE"
    shop.write(ONE, tail=f'[aws]\nartifact_bucket = "{shop.name}-elsewhere"')
    assert refused(shop, code=2) == [
        f"fleet.toml: aws.artifact_bucket: expected {shop.bucket}, which the stacks were made with "
        f'and keep, got {shop.name}-elsewhere: set artifact_bucket = "{shop.bucket}" in [aws]'
    ]
    shop.write(ONE, tail=f'[aws]\nartifact_bucket = "{shop.bucket}"')
    assert shop.plan()


def test_each_kind_is_found_with_its_tags_and_given_those_that_it_lacks(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1"
    mail = f'runtime = "ecs"\nnodes.image = "{image}"'
    shop.write({"mail": mail}, f'payload_bucket = "{shop.name}-big"')
    for name, value in local_environment(shop.url, {}).items():
        monkeypatch.setenv(name, value)
    fleet = load(shop.folder / "fleet.toml")
    plan = shared(fleet, ACCOUNT)
    finder = Finder(fleet)
    assert finder.look(plan) == {}
    shop.ok("queues", "apply", "--yes")
    shop.ok("stores", "apply", "--yes")
    shop.client("ecs").create_cluster(clusterName=shop.name)
    shop.client("scheduler").create_schedule_group(Name=shop.name)
    shop.client("logs").create_log_group(logGroupName=f"/fleet/{shop.name}/journal")
    tagged = {name: one.tags for name, one in finder.look(plan).items()}
    bare = {"Cluster", "ScheduleGroup", "JournalLog"}
    assert {name for name, tags in tagged.items() if not tags} - {"PayloadsPolicy"} == bare
    lines = refusals(plan, finder.look(plan), ())
    assert len(lines) == len(bare)

    names = [plan.imports[name].name for name in bare]
    taken = imports(plan, finder.look(plan), names)
    assert {name for name, one in taken.items() if one.lacks} == bare
    finder.tag(taken)
    # They are added: none that was there is lost.
    more = {name: replace(one, lacks={"app": "shop"}) for name, one in taken.items()}
    finder.tag(more)
    for name, one in finder.look(plan).items():
        if name != "PayloadsPolicy":
            assert one.tags is not None
            assert one.tags.items() >= {"fleet:name": shop.name, "app": "shop"}.items(), name
    assert refusals(plan, finder.look(plan), ()) == []
    assert finder.look(plan, but=plan.imports) == {}


def test_the_local_aws_makes_no_policy_where_one_is(shop: Shop) -> None:
    stacks, name = Stacks(shop.url), f"{shop.name}-policied"
    made_bucket(shop, name)
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*",
             "Resource": f"arn:aws:s3:::{name}/*", "Sid": "Mine"}
        ],
    }  # fmt: skip
    shop.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(document))
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "DeletionPolicy": "Retain",
        "Properties": {"Bucket": name, "PolicyDocument": document},
    }
    assert stacks.apply("policied", of(Policy=policy), "CREATE") == "ROLLBACK_COMPLETE"
    assert (
        f"The bucket policy already exists on bucket {name}"
        in (stacks.reasons("policied")["Policy"])
    )
    # What it did not make it does not take away.
    assert sids(shop, name) == ["Mine"]
    entry = {
        "ResourceType": "AWS::S3::BucketPolicy",
        "LogicalResourceId": "Policy",
        "ResourceIdentifier": {"Bucket": name},
    }
    outputs = {"Outputs": {"Name": {"Value": name}}}
    proposed = stacks.propose(
        "policied-2", {**of(Policy=policy), **outputs}, "IMPORT", ResourcesToImport=[entry]
    )
    assert proposed["Status"] == "FAILED"
    assert "you cannot modify or add [Outputs]" in proposed["StatusReason"]
    taken = stacks.apply("policied-3", of(Policy=policy), "IMPORT", ResourcesToImport=[entry])
    assert taken == "IMPORT_COMPLETE"
    assert stacks.physical("policied-3") == {"Policy": name}
