"""What must change for a DynamoDB table to be what the manifest wants. Pure: no AWS in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.stores.step import WHOSE, Change, Step, differing_tags, foreign
from ops.stores.wanted import Table


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table as it is. `keys` are the names and types of its key: partition, then sort."""

    arn: str
    keys: tuple[tuple[str, str], ...]
    on_demand: bool
    protected: bool
    ttl: str | None
    tags: Mapping[str, str]


def refusals(want: Table, found: FoundTable | None) -> Iterator[str]:
    """Yield why a table may not be touched: what it has can not be changed, or is another's."""
    if found is None:
        return
    another = foreign("table", want.name, want.tags, found.tags)
    if another is not None:
        yield another
    if found.keys != want.keys:
        keys = " and ".join(f"{name} ({kind})" for name, kind in found.keys)
        yield (
            f"{want.name}: expected the {_keys(want)}{' and no other' * (want.sort is None)}, got "
            f"{keys}: DynamoDB cannot change it: delete the table, or rename the fleet"
        )
    if want.ttl is None and found.ttl is not None:
        yield (
            f"{want.name}: expected no TTL, got one by {found.ttl}, which would delete items that "
            "are in use: switch TTL off"
        )
    elif found.ttl not in (None, want.ttl):
        yield (
            f"{want.name}: expected the TTL attribute {want.ttl}, got {found.ttl}: switch TTL off, "
            "and run this again an hour later (DynamoDB changes it once an hour)"
        )


def steps(want: Table, found: FoundTable | None) -> Iterator[Step]:
    """Yield the requests that a table needs, in order; none where it is as wanted."""
    if found is None:
        yield from _creation(want)
        return
    if not found.on_demand:
        change = Change(
            want.name, "billing", "provisioned", "on demand", "a burst must not be refused"
        )
        yield _update(want, change, BillingMode="PAY_PER_REQUEST")
    if want.protected and not found.protected:
        change = Change(want.name, "deletion protection", "off", "on", _PROTECTED)
        yield _update(want, change, DeletionProtectionEnabled=True)
    if found.ttl is None and want.ttl is not None:
        yield _ttl(want, want.ttl)
    for key, before, value in differing_tags(want.tags, found.tags):
        tag = {"ResourceArn": found.arn, "Tags": [{"Key": key, "Value": value}]}
        change = Change(want.name, f"tag {key}", before, value, WHOSE)
        yield Step("dynamodb", "tag_resource", tag, change)


_PROTECTED = "without it, effects come twice"


def _creation(want: Table) -> Iterator[Step]:
    after = f"{_keys(want)}, on demand" + (", protected from deletion" if want.protected else "")
    arguments = {
        "TableName": want.name,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in want.keys
        ],
        "KeySchema": [
            {"AttributeName": name, "KeyType": role}
            for (name, _), role in zip(want.keys, ("HASH", "RANGE"), strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": want.protected,
        "Tags": [{"Key": key, "Value": value} for key, value in want.tags.items()],
    }
    change = Change(want.name, "table", None, after, want.purpose)
    yield Step("dynamodb", "create_table", arguments, change)
    if want.ttl is not None:
        yield _ttl(want, want.ttl)


def _keys(want: Table) -> str:
    return f"partition key {want.key} (S)" + (f", sort key {want.sort} (S)" if want.sort else "")


def _ttl(want: Table, attribute: str) -> Step:
    return Step(
        "dynamodb",
        "update_time_to_live",
        {
            "TableName": want.name,
            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": attribute},
        },
        Change(want.name, "TTL", None, f"by {attribute}", "items are deleted when they expire"),
    )


def _update(want: Table, change: Change, **arguments: Any) -> Step:
    return Step("dynamodb", "update_table", {"TableName": want.name, **arguments}, change)
