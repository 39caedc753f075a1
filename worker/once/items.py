"""The items of the once table: a claim, and the record that replaces it. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

#: The partition key of the table and the attribute of its TTL.
KEY: Final = "key"
EXPIRES: Final = "expires"

#: DynamoDB's limit for a partition key (Developer Guide, "Constraints").
KEY_AT_MOST_BYTES: Final = 2048
#: A result as JSON: a quarter of what an item may hold, and a hundred write units.
RESULT_AT_MOST_BYTES: Final = 100 * 1024

RUNNING: Final = "running"
DONE: Final = "done"

#: An item or the values of an expression, as DynamoDB's JSON has them: {"key": {"S": "mail:7"}}.
Item: TypeAlias = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks for a claim.

    `owner` is this attempt's alone, by which it knows its own claim again when an answer was lost.
    `longest_seconds` is how long after the claim its process can still be running.
    """

    owner: str
    message_id: str
    receives: int
    longest_seconds: float
    task: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A holder's claim on a key; times are seconds since the epoch."""

    key: str
    holder: Holder
    claimed_at: float
    ttl_seconds: float

    @property
    def until(self) -> float:
        """When its holder cannot be running any more."""
        return self.claimed_at + self.holder.longest_seconds


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of a result: its JSON, or why it could not be kept."""

    text: str | None
    unkept: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An item as it was found; what is not there, or not of its type, is None."""

    state: str | None
    owner: str | None
    message_id: str | None
    receives: int | None
    task: str | None
    until: float | None
    expires: float | None
    result: Result

    @property
    def done(self) -> bool:
        """Whether the effect has happened, and this is its record."""
        return self.state == DONE

    @property
    def running(self) -> bool:
        """Whether it is a claim that has not been finished."""
        return self.state == RUNNING


def claimed(claim: Claim) -> Item:
    """Return the item of a claim. It outlives the time its holder may take by the ttl."""
    return {
        **_who(claim),
        "state": {"S": RUNNING},
        "until": number(claim.until),
        EXPIRES: _whole(claim.until + claim.ttl_seconds),
    }


def finished(claim: Claim, result: Result, now: float) -> Item:
    """Return the item that records that the effect of a claim has happened."""
    kept = (
        {"unkept": {"S": result.unkept}} if result.text is None else {"result": {"S": result.text}}
    )
    return {
        **_who(claim),
        **kept,
        "state": {"S": DONE},
        "finished": number(now),
        EXPIRES: _whole(now + claim.ttl_seconds),
    }


def read(item: Mapping[str, Mapping[str, Any]]) -> Found:
    """Read an item, whoever wrote it."""
    receives = _read_number(item, "receives")
    return Found(
        state=_read_text(item, "state"),
        owner=_read_text(item, "owner"),
        message_id=_read_text(item, "message"),
        receives=None if receives is None else int(receives),
        task=_read_text(item, "task"),
        until=_read_number(item, "until"),
        expires=_read_number(item, EXPIRES),
        result=Result(_read_text(item, "result"), _read_text(item, "unkept") or "it is not there"),
    )


def encode(value: Any) -> Result:
    """Return a result as JSON, or why it is none that can be kept."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        return Result(None, f"expected JSON, got {type(value).__name__}: {str(error)[:200]}")
    if len(text) > RESULT_AT_MOST_BYTES:
        return Result(
            None, f"expected at most {RESULT_AT_MOST_BYTES} bytes of JSON, got {len(text)}"
        )
    return Result(text)


def _who(claim: Claim) -> Item:
    holder = claim.holder
    return {
        KEY: {"S": claim.key},
        "owner": {"S": holder.owner},
        "message": {"S": holder.message_id},
        "receives": {"N": str(holder.receives)},
        "task": {"S": holder.task},
        "task_id": {"S": holder.task_id},
        "claimed": number(claim.claimed_at),
    }


def number(seconds: float) -> dict[str, str]:
    """Return seconds since the epoch as DynamoDB has them, in milliseconds."""
    return {"N": f"{seconds:.3f}"}


def _whole(seconds: float) -> dict[str, str]:
    # The form that DynamoDB's TTL reads.
    return {"N": str(math.ceil(seconds))}


def _read_text(item: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    value = item.get(name, {}).get("S")
    return value if isinstance(value, str) else None


def _read_number(item: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    try:
        value = float(item.get(name, {}).get("N", ""))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
