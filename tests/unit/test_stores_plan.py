"""From the tables and buckets that are there to what must change: pure, over snapshots."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.stores.buckets import FoundBucket
from ops.stores.plan import Found, plan
from ops.stores.step import Plan
from ops.stores.tables import FoundTable
from ops.stores.wanted import wanted_buckets, wanted_tables
from worker.fleet import Fleet

REGION = "eu-west-1"
TAGS = {"fleet:name": "media"}


def fleet(**more: object) -> Fleet:
    return Fleet.model_validate({"name": "media", "queues": {"mail": {"tasks": ["m.*"]}}, **more})


def table(key: str = "key", ttl: str = "expires") -> FoundTable:
    return FoundTable("arn:t", ((key, "S"),), True, True, ttl, TAGS)


REGISTRY = FoundTable("arn:t", (("fleet", "S"), ("item", "S")), True, False, None, TAGS)
ONCE = {"media-once": table(), "media-waiting": table("id"), "media-registry": REGISTRY}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "FleetTlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::big/*", "arn:aws:s3:::big"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}
RULE = {
    "ID": "fleet-payloads",
    "Filter": {"Prefix": "payloads/"},
    "Status": "Enabled",
    "Expiration": {"Days": 41},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}
BIG = FoundBucket(REGION, True, True, POLICY, [RULE], TAGS)


def planned(manifest: Fleet, tables: dict[str, Any], buckets: dict[str, Any]) -> Plan:
    return plan(
        wanted_tables(manifest), wanted_buckets(manifest, REGION, "aws"), Found(tables, buckets)
    )


def calls(found: Plan) -> list[tuple[str, str]]:
    return [(step.change.store, step.call) for step in found.steps]


def test_what_is_as_wanted_is_left_alone() -> None:
    assert planned(fleet(payload_bucket="big"), ONCE, {"big": BIG}) == Plan((), ())


def test_every_fleet_has_three_tables() -> None:
    found = planned(fleet(), dict.fromkeys(ONCE), {})
    assert calls(found) == [
        ("media-once", "create_table"),
        ("media-once", "update_time_to_live"),
        ("media-waiting", "create_table"),
        ("media-waiting", "update_time_to_live"),
        ("media-registry", "create_table"),
    ]
    protected = {
        s.change.store: s.arguments["DeletionProtectionEnabled"]
        for s in found.steps
        if s.call == "create_table"
    }
    assert protected == {"media-once": True, "media-waiting": False, "media-registry": False}


def test_a_table_with_a_sort_key_and_no_ttl() -> None:
    (create,) = planned(fleet(), {**ONCE, "media-registry": None}, {}).steps
    assert create.arguments["KeySchema"] == [
        {"AttributeName": "fleet", "KeyType": "HASH"},
        {"AttributeName": "item", "KeyType": "RANGE"},
    ]
    assert create.arguments["AttributeDefinitions"] == [
        {"AttributeName": "fleet", "AttributeType": "S"},
        {"AttributeName": "item", "AttributeType": "S"},
    ]
    assert create.change.after == "partition key fleet (S), sort key item (S), on demand"
    for drift, why in (
        ({"keys": (("fleet", "S"),)}, "expected the partition key fleet (S), sort key item (S), "),
        ({"ttl": "until"}, "expected no TTL, got one by until, which would delete items that are"),
    ):
        found = planned(fleet(), {**ONCE, "media-registry": replace(REGISTRY, **drift)}, {})
        assert found.steps == ()
        assert found.refusals[0].startswith(f"media-registry: {why}")


def test_results_in_a_table_have_celerys_attributes() -> None:
    manifest = fleet(results={"backend": "dynamodb"})
    create, ttl = planned(manifest, {**ONCE, "media-results": None}, {}).steps
    assert create.arguments["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert ttl.arguments["TimeToLiveSpecification"] == {"Enabled": True, "AttributeName": "ttl"}


def test_one_bucket_for_payloads_and_results() -> None:
    manifest = fleet(
        payload_bucket="big", results={"backend": "s3", "bucket": "big", "expires": "36h"}
    )
    (want,) = wanted_buckets(manifest, REGION, "aws")
    assert [(e.prefix, e.days) for e in want.expiries] == [("payloads/", 41), ("results/", 2)]
    found = planned(manifest, ONCE, {"big": BIG})
    assert [(c.what, c.before, c.after) for c in found.changes] == [
        ("lifecycle", None, "results/ after 2 days")
    ]
    assert len(found.steps[0].arguments["LifecycleConfiguration"]["Rules"]) == 2


def test_a_new_bucket() -> None:
    found = planned(fleet(payload_bucket="big"), ONCE, {"big": None})
    assert [call for _, call in calls(found)] == [
        "create_bucket",
        "put_bucket_tagging",
        "put_public_access_block",
        "put_bucket_encryption",
        "put_bucket_policy",
        "put_bucket_lifecycle_configuration",
    ]
    assert found.steps[0].arguments == {
        "Bucket": "big",
        "CreateBucketConfiguration": {"LocationConstraint": REGION},
    }


def test_the_region_that_must_not_be_named() -> None:
    manifest = fleet(payload_bucket="big")
    buckets = wanted_buckets(manifest, "us-east-1", "aws")
    found = plan(wanted_tables(manifest), buckets, Found(ONCE, {"big": None}))
    assert found.steps[0].arguments == {"Bucket": "big"}


@pytest.mark.parametrize(
    ("drift", "change"),
    [
        ({"on_demand": False}, ("billing", "provisioned", "on demand")),
        ({"protected": False}, ("deletion protection", "off", "on")),
        ({"ttl": None}, ("TTL", None, "by expires")),
        ({"tags": {}}, ("tag fleet:name", None, "media")),
    ],
)
def test_a_tables_drift(drift: dict[str, Any], change: tuple[str, str | None, str]) -> None:
    (found,) = planned(fleet(), {**ONCE, "media-once": replace(table(), **drift)}, {}).changes
    assert (found.what, found.before, found.after) == change


@pytest.mark.parametrize(
    ("drift", "call"),
    [
        ({"closed": False}, "put_public_access_block"),
        ({"encrypted": False}, "put_bucket_encryption"),
        ({"policy": None}, "put_bucket_policy"),
        ({"rules": [{**RULE, "Expiration": {"Days": 3}}]}, "put_bucket_lifecycle_configuration"),
        ({"rules": [{**RULE, "Status": "Disabled"}]}, "put_bucket_lifecycle_configuration"),
        ({"tags": {"cost-centre": "7"}}, "put_bucket_tagging"),
    ],
)
def test_a_buckets_drift(drift: dict[str, Any], call: str) -> None:
    found = planned(fleet(payload_bucket="big"), ONCE, {"big": replace(BIG, **drift)})
    assert calls(found) == [("big", call)]


def test_what_others_have_set_on_a_bucket_is_sent_along() -> None:
    rule = {"ID": "logs", "Filter": {"Prefix": "logs/"}, "Status": "Enabled"}
    other = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Principal": {"AWS": "1"},
        "Resource": "x",
    }
    bucket = FoundBucket(
        REGION, True, True, {"Version": "2012-10-17", "Statement": other}, [rule], {"team": "a"}
    )
    tags, policy, lifecycle = planned(fleet(payload_bucket="big"), ONCE, {"big": bucket}).steps
    statements = json.loads(policy.arguments["Policy"])["Statement"]
    assert statements[0] == other
    assert statements[1]["Sid"] == "FleetTlsOnly"
    assert lifecycle.arguments["LifecycleConfiguration"]["Rules"] == [rule, RULE]
    assert tags.arguments["Tagging"]["TagSet"] == [
        {"Key": "team", "Value": "a"},
        {"Key": "fleet:name", "Value": "media"},
    ]


@pytest.mark.parametrize(
    ("drift", "why"),
    [
        ({"tags": {"fleet:name": "radio"}}, "expected tag fleet:name = media, got radio"),
        ({"keys": (("id", "S"),)}, "expected the partition key key (S) and no other, got id (S)"),
        ({"keys": (("key", "S"), ("at", "N"))}, "no other, got key (S) and at (N)"),
        ({"ttl": "ttl"}, "expected the TTL attribute expires, got ttl: switch TTL off"),
    ],
)
def test_a_table_that_is_refused(drift: dict[str, Any], why: str) -> None:
    tables = {**ONCE, "media-once": replace(table(), **drift), "media-waiting": None}
    found = planned(fleet(), tables, {})
    assert found.steps == ()
    (line,) = found.refusals
    assert line.startswith("media-once: ")
    assert why in line


def test_what_has_no_fleets_tag_is_told_apart() -> None:
    manifest = fleet(payload_bucket="big")
    tables = {**ONCE, "media-once": replace(table(), tags={"team": "a"}), "media-waiting": None}
    found = planned(manifest, tables, {"big": replace(BIG, tags={})})
    words = "expected tag fleet:name = media, got none: it may be anybody's: add --adopt to take it"
    assert [line.partition(" for ")[0] for line in found.unowned] == [
        f"media-once: {words}",
        f"big: {words}",
    ]
    assert found.refusals == ()
    assert ("big", "put_bucket_tagging") in calls(found)
    assert planned(manifest, ONCE, {"big": None}).unowned == ()


def test_buckets_that_are_refused() -> None:
    for drift, why in (
        ({"tags": {"fleet:name": "radio"}}, "big: expected tag fleet:name = media, got radio: it "),
        ({"region": "us-east-2"}, "big: expected a bucket in eu-west-1, got one in us-east-2: "),
    ):
        (line,) = planned(
            fleet(payload_bucket="big"), ONCE, {"big": replace(BIG, **drift)}
        ).refusals
        assert line.startswith(why)
