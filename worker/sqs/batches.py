"""What SQS takes in one request: sizes as it counts them, and batches within its limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

#: SQS: 1 MiB for a message with its attributes, and for a batch; ten attributes a message, ten
#: messages a batch (Amazon SQS Developer Guide, "Message quotas").
LIMIT_BYTES: Final = 1024 * 1024
ATTRIBUTES_AT_MOST: Final = 10
BATCH: Final = 10

_Of = TypeVar("_Of")


def string(value: str) -> dict[str, Any]:
    """Return a message attribute of type String."""
    return {"DataType": "String", "StringValue": value}


def sendable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what SendMessage takes of an attribute that ReceiveMessage gave."""
    return {key: value[key] for key in ("DataType", "StringValue", "BinaryValue") if value.get(key)}


def attribute_bytes(name: str, value: Mapping[str, Any]) -> int:
    """Return an attribute's size as SQS counts it: its name, type and value."""
    parts: list[str | bytes] = [name, *value.values()]
    return sum(len(part.encode() if isinstance(part, str) else part) for part in parts)


def body_bytes(body: str) -> int:
    """Return a message body's size."""
    return len(body.encode("utf-8", "surrogatepass"))


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """Return a message's size: its body and its attributes."""
    attributes: Mapping[str, Mapping[str, Any]] = entry.get("MessageAttributes", {})
    return body_bytes(entry["MessageBody"]) + sum(
        attribute_bytes(name, value) for name, value in attributes.items()
    )


def batches(
    entries: Iterable[tuple[_Of, Mapping[str, Any]]],
) -> Iterator[list[tuple[_Of, Mapping[str, Any]]]]:
    """Group entries, each with what it is of, into batches of at most ten and 1 MiB together."""
    batch: list[tuple[_Of, Mapping[str, Any]]] = []
    size = 0
    for of, entry in entries:
        entry_size = entry_bytes(entry)
        if batch and (len(batch) == BATCH or size + entry_size > LIMIT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((of, entry))
        size += entry_size
    if batch:
        yield batch
