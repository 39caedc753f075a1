"""From kombu's message to what SQS is sent: its queue, its delay, its body and attributes."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kombu.utils.json import dumps

from worker.payloads.limits import AT_MOST_BYTES, EXPIRES_AFTER, LONGEST_DELAY
from worker.payloads.pointer import Pointer
from worker.sqs.batches import LIMIT_BYTES, entry_bytes
from worker.sqs.headers import due
from worker.sqs.oversize import arguments, compressed, moved
from worker.sqs.place import place

if TYPE_CHECKING:
    from worker.fleet import Fleet


class MessageTooLarge(ValueError):
    """A message that cannot be sent for its size; the text names it, the limit and the remedy."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as SQS is to have it.

    ``queue`` is the queue's name on SQS, ``entry`` what SendMessage takes beside the queue's URL:
    also an entry of SendMessageBatch, but for its Id.
    """

    queue: str
    entry: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        """Its size as SQS counts it: the body and the attributes."""
        return entry_bytes(self.entry)


def outgoing(
    fleet: Fleet,
    queue: str,
    message: Mapping[str, Any],
    now: float,
    put: Callable[[Pointer, bytes], None],
) -> Outgoing:
    """Return what SQS is sent for a message of kombu's to a queue of the manifest.

    ``now`` is in seconds since the epoch. A message over SQS's limit is compressed where that is
    enough; else ``put`` puts its arguments into the manifest's ``payload_bucket``, under a new
    name each time, before this returns. Raises UnknownQueueError, ``TooFarAhead``,
    ``MessageTooLarge`` and what ``put`` raises.
    """
    headers: Mapping[str, Any] = message.get("headers") or {}
    properties: dict[str, Any] = dict(message.get("properties") or {})
    entry: dict[str, Any] = {}
    attributes: dict[str, Any] = dict(properties.pop("message_attributes", None) or {})
    group = properties.pop("MessageGroupId", None)  # fair queues
    if group is not None:
        entry["MessageGroupId"] = group
    where = place(fleet, queue, headers, properties.pop("DelaySeconds", None), now)
    attributes |= where.attributes
    if where.delay_seconds:
        entry["DelaySeconds"] = where.delay_seconds
    if attributes:
        entry["MessageAttributes"] = attributes
    body = {**message, "properties": properties}
    whole = Outgoing(where.queue, {**entry, "MessageBody": encode(body)})
    if whole.size_bytes <= LIMIT_BYTES:
        return whole
    return _smaller(fleet, whole, body, now, put)


def _smaller(
    fleet: Fleet,
    whole: Outgoing,
    message: Mapping[str, Any],
    now: float,
    put: Callable[[Pointer, bytes], None],
) -> Outgoing:
    """Return a message that SQS takes in place of one that it does not."""
    headers: Mapping[str, Any] = message.get("headers") or {}
    task = headers.get("task")
    inner = arguments(message)
    too_large = (
        f"{task}: expected a message of at most {LIMIT_BYTES} bytes (SQS's limit) as it is or "
        f"compressed, found {whole.size_bytes}"
    )
    if inner is None:
        raise MessageTooLarge(f"{too_large}: pass a reference to what is large")
    too_large += f" ({len(inner)} of arguments as JSON, before base64)"

    packed = compressed(message, inner)
    if packed is not None:
        small = _with_body(whole, packed)
        if small.size_bytes <= LIMIT_BYTES:
            return small
    if fleet.payload_bucket is None:
        raise MessageTooLarge(
            f"{too_large}: name a payload_bucket in {fleet.path}, or pass a reference to what is "
            "large"
        )
    if len(inner) > AT_MOST_BYTES:
        raise MessageTooLarge(
            f"{task}: expected arguments of at most {AT_MOST_BYTES} bytes as JSON, found "
            f"{len(inner)}: pass a reference to what is large"
        )
    due_at = due(headers)
    if due_at is not None and due_at - now > LONGEST_DELAY.total_seconds():
        raise MessageTooLarge(
            f"{task}: expected arguments in {fleet.payload_bucket} (kept for "
            f"{EXPIRES_AFTER.days} days) to be needed within {LONGEST_DELAY.days} days, found an "
            f"eta in {(due_at - now) / 86400:.1f} days: send it when it is nearer, or pass a "
            "reference to what is large"
        )
    unique = str(uuid.uuid4())
    for inline in (True, False):
        pointing = moved(
            message,
            inner,
            bucket=fleet.payload_bucket,
            now=now,
            unique=unique,
            inline=inline,
        )
        small = _with_body(whole, pointing.message)
        if small.size_bytes <= LIMIT_BYTES:
            put(pointing.pointer, pointing.body)
            return small
    raise MessageTooLarge(
        f"{too_large}, {small.size_bytes} without arguments: send less in headers and attributes"
    )


def _with_body(whole: Outgoing, message: Mapping[str, Any]) -> Outgoing:
    return replace(whole, entry={**whole.entry, "MessageBody": encode(message)})


def encode(message: Mapping[str, Any]) -> str:
    """Return the body of an SQS message as stock kombu writes it: base64 of the JSON envelope."""
    return base64.b64encode(dumps(message).encode()).decode()
