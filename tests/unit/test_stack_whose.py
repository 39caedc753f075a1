"""Whose it is what is there before a stack: taken, taken where it is named, refused."""

from __future__ import annotations

import pytest

from ops.stack.compose import StackPlan
from ops.stack.importable import BUCKET, POLICY, QUEUE, TABLE, Importable
from ops.stack.whose import Found, Import, imports, refusals

OURS = {"fleet:name": "shop", "fleet:queue": "mail"}
WHOLE = {"BucketName": "big"}
KEY = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}


def plan(one: Importable) -> StackPlan:
    return StackPlan("shop-queue-mail", {}, {}, OURS, imports={"One": one})


def decided(one: Importable, found: Found, *named: str) -> tuple[dict[str, Import], list[str]]:
    both = plan(one), {"One": found}, named
    return imports(*both), refusals(*both)


QUEUED = Importable(QUEUE, "QueueUrl", "shop-mail", {"QueueName": "shop-mail"})
HELD = Importable(BUCKET, "BucketName", "big", WHOLE, frozenset({"fleet-payloads"}))
SAID = Importable(POLICY, "Bucket", "big", {"Bucket": "big"}, frozenset({"FleetTlsOnly"}))
NAMED = {"TableName": "shop-once", **KEY}
SAYS = frozenset({"DeletionProtectionEnabled", "KeySchema"})
TABLED = Importable(TABLE, "TableName", "shop-once", NAMED, says=SAYS)


@pytest.mark.parametrize(
    ("tags", "lacks"),
    [
        (OURS, {}),
        ({**OURS, "app": "x"}, {}),
        ({"fleet:name": "shop"}, {"fleet:queue": "mail"}),
        ({"fleet:name": "shop", "fleet:queue": "post"}, {"fleet:queue": "mail"}),
    ],
)
def test_what_has_the_fleet_s_tag_is_taken(tags: dict[str, str], lacks: dict[str, str]) -> None:
    taken, refused = decided(QUEUED, Found("https://q", tags))
    assert refused == []
    assert taken["One"].lacks == lacks
    assert taken["One"].entry("One") == {
        "ResourceType": QUEUE,
        "LogicalResourceId": "One",
        "ResourceIdentifier": {"QueueUrl": "https://q"},
    }


@pytest.mark.parametrize("tags", [{}, {"app": "x"}, {"fleet:queue": "mail"}])
def test_what_has_no_fleet_s_tag_is_taken_where_it_is_named(tags: dict[str, str]) -> None:
    taken, refused = decided(QUEUED, Found("https://q", tags))
    assert taken == {}
    (line,) = refused
    assert line.startswith("shop-queue-mail: shop-mail (SQS::Queue): expected tag fleet:name = ")
    assert "add --import shop-mail to take it for this fleet" in line
    taken, refused = decided(QUEUED, Found("https://q", tags), "shop-mail")
    assert refused == []
    assert {**tags, **taken["One"].lacks} == {**tags, **OURS}
    assert decided(QUEUED, Found("https://q", tags), "shop-mai")[0] == {}


@pytest.mark.parametrize("named", [(), ("shop-mail",)])
def test_what_has_another_fleet_s_tag_is_not_taken(named: tuple[str, ...]) -> None:
    taken, refused = decided(QUEUED, Found("https://q", {"fleet:name": "sho"}), *named)
    assert taken == {}
    assert refused == [
        "shop-queue-mail: shop-mail (SQS::Queue): expected tag fleet:name = shop, found sho: it is "
        "another fleet's: rename the fleet or the queue"
    ]


@pytest.mark.parametrize(
    ("one", "tags", "parts", "others"),
    [
        (HELD, OURS, ("fleet-payloads",), ""),
        (HELD, OURS, (), ""),
        (
            HELD,
            OURS,
            ("fleet-payloads", "b", "a"),
            "lifecycle rules but fleet-payloads, found a, b",
        ),
        (SAID, None, ("FleetTlsOnly",), ""),
        (SAID, None, ("", "FleetTlsOnly"), "statements but FleetTlsOnly, found one without a name"),
    ],
)
def test_what_others_put_into_a_bucket_is_not_overwritten(
    one: Importable, tags: dict[str, str] | None, parts: tuple[str, ...], others: str
) -> None:
    taken, refused = decided(one, Found("big", tags, parts=parts), "big")
    assert bool(taken) is not bool(others)
    assert [others in line for line in refused] == ([True] if others else [])


def test_a_table_is_imported_as_it_is_and_not_with_another_key() -> None:
    protected = {"DeletionProtectionEnabled": False}
    # What the template says nothing of, the import does not say either.
    others = {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
    found = Found("shop-once", OURS, properties={**KEY, **protected, **others})
    taken, _ = decided(TABLED, found)
    assert taken["One"].properties == {"TableName": "shop-once", **KEY, **protected}
    other = {"KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}]}
    taken, refused = decided(TABLED, Found("shop-once", OURS, properties=other))
    assert taken == {}
    assert "expected the key id, found key, which cannot be changed" in refused[0]
