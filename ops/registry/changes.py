"""What the engine writes, each under a condition of its own: parts of a transaction. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ops.registry import names
from ops.registry.values import moment, text, whole
from ops.scaling.model import Wanted

if TYPE_CHECKING:
    from ops.registry.lease import Lease
    from ops.registry.values import Value

#: A claim's one terminating call is made within this of the claim, by the clock of the process
#: that claimed and just before it is sent, or not at all.
CALL_WITHIN_SECONDS: Final = 30.0
#: A claimed node that is in service after this is ended without a decrement, by whoever acts.
ABANDONED_AFTER_SECONDS: Final = 120.0

_NAMES = re.compile(r"#(\w+)")


@dataclass(frozen=True, slots=True)
class Want:
    """Ask a node to run or to pause, and void what it confirmed.

    `token` is used for no other asking. Refused where its termination is claimed, or it has no
    item.
    """

    queue: str
    node: str
    wanted: Wanted
    token: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim the termination of a node that is paused, idle and confirmed `token`.

    Refused where it is wanted otherwise or under another token, where it confirmed another, has
    not spoken within `fresh_seconds` of `now`, or is claimed. `id` is this claim's alone: by it a
    claim whose answer was lost is known again.
    """

    queue: str
    node: str
    token: str
    now: float
    fresh_seconds: float
    id: str


@dataclass(frozen=True, slots=True)
class Unclaim:
    """Give a claim of this lease's up, whose terminating call was refused and did nothing.

    Refused where the claim is another generation's. The node is wanted to pause again.
    """

    queue: str
    node: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete the item of a node whose instance is gone."""

    queue: str
    node: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep a text for a queue, in the place of the one before."""

    queue: str
    memory: str


Change: TypeAlias = Want | Claim | Unclaim | Forget | Remember


def sort_key(change: Change) -> str:
    """Return the item that a change writes. Raises ValueError for what is no node's id."""
    if isinstance(change, Remember):
        return names.queue_item(change.queue)
    return names.node_item(change.queue, change.node)


def fence(table: str, fleet: str, lease: Lease) -> dict[str, Any]:
    """Return the part of every transaction that holds only while the lease is still this one."""
    return {
        "ConditionCheck": _where(
            table,
            key(fleet, names.ENGINE),
            "#holder = :holder AND #generation = :generation",
            {":holder": text(lease.holder), ":generation": whole(lease.generation)},
        )
    }


def part(table: str, fleet: str, change: Change, lease: Lease) -> dict[str, Any]:
    """Return a change as one part of a transaction. Raises ValueError for what is never written."""
    at = key(fleet, sort_key(change))
    match change:
        case Want():
            return {"Update": _want(table, at, change)}
        case Claim():
            return {"Update": _claim(table, at, change, lease)}
        case Unclaim():
            return {"Update": _unclaim(table, at, lease)}
        case Forget():
            return {"Delete": {"TableName": table, "Key": at}}
        case Remember():
            size = len(change.memory.encode())
            if size > names.MEMORY_AT_MOST_BYTES:
                raise ValueError(
                    f"the memory of {change.queue}: expected at most "
                    f"{names.MEMORY_AT_MOST_BYTES} bytes, got {size}"
                )
            return {"Put": {"TableName": table, "Item": {**at, "memory": text(change.memory)}}}


def claimed_by(change: Change, found: Mapping[str, Any]) -> bool:
    """Whether a change that was refused is a claim that the item found has: its answer was lost."""
    return isinstance(change, Claim) and found.get("claim") == text(change.id)


def key(fleet: str, item: str) -> dict[str, Value]:
    """Return the key of an item."""
    return {names.FLEET: text(fleet), names.ITEM: text(item)}


def names_in(*expressions: str) -> dict[str, str]:
    """Return the attribute names of expressions: every one is written `#name`.

    Several of ours (token, group, queue) are words that DynamoDB reserves.
    """
    return {f"#{name}": name for each in expressions for name in _NAMES.findall(each)}


def _want(table: str, at: dict[str, Value], change: Want) -> dict[str, Any]:
    if change.wanted is Wanted.END:
        raise ValueError(f"{change.node}: expected run or pause, got end: only a claim ends a node")
    if not 0 < len(change.token) <= names.TEXT_AT_MOST_CHARACTERS:
        raise ValueError(
            f"{change.node}: expected a token of 1 to {names.TEXT_AT_MOST_CHARACTERS} characters, "
            f"got {len(change.token)}"
        )
    return _where(
        table,
        at,
        "attribute_exists(#item) AND attribute_not_exists(#claimed_at)",
        {":wanted": text(change.wanted), ":token": text(change.token)},
        # A token that is used again, against the rules, still needs confirming again.
        "SET #wanted = :wanted, #token = :token REMOVE #confirmed",
    )


def _claim(table: str, at: dict[str, Value], change: Claim, lease: Lease) -> dict[str, Any]:
    return _where(
        table,
        at,
        "#wanted = :pause AND #token = :token AND #confirmed = :token AND #paused = :true"
        " AND #busy = :zero AND #said_at >= :fresh AND attribute_not_exists(#claimed_at)",
        {
            ":pause": text(Wanted.PAUSE),
            ":token": text(change.token),
            ":true": {"BOOL": True},
            ":zero": whole(0),
            ":fresh": moment(change.now - change.fresh_seconds),
            ":end": text(Wanted.END),
            ":now": moment(change.now),
            ":generation": whole(lease.generation),
            ":claim": text(change.id),
        },
        "SET #wanted = :end, #claimed_at = :now, #claimed_by = :generation, #claim = :claim",
    )


def _unclaim(table: str, at: dict[str, Value], lease: Lease) -> dict[str, Any]:
    return _where(
        table,
        at,
        "#claimed_by = :generation",
        {":generation": whole(lease.generation), ":pause": text(Wanted.PAUSE)},
        "SET #wanted = :pause REMOVE #claimed_at, #claimed_by, #claim",
    )


def _where(
    table: str,
    at: dict[str, Value],
    condition: str,
    values: dict[str, Value],
    update: str | None = None,
) -> dict[str, Any]:
    updating = {} if update is None else {"UpdateExpression": update}
    return {
        "TableName": table,
        "Key": at,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names_in(condition, update or ""),
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **updating,
    }
