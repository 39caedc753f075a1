"""From kombu's message to what SQS is sent: its queue, its delay, its body and attributes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kombu.utils.json import dumps

from worker.delays import Delay, delay
from worker.sqs.batches import LIMIT_BYTES, body_bytes, entry_bytes, string
from worker.sqs.headers import due

if TYPE_CHECKING:
    from worker.fleet import Fleet

#: The message attributes of a task that waits in the delay queue: where it goes, and its name.
QUEUE_ATTRIBUTE: Final = "fleet.queue"
TASK_ATTRIBUTE: Final = "fleet.task"
#: When it is due, in seconds since the epoch.
DUE_ATTRIBUTE: Final = "fleet.due"


class MessageTooLarge(ValueError):
    """A message over SQS's limit; the text names its size and the limit."""


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


def outgoing(fleet: Fleet, queue: str, message: dict[str, Any], now: float) -> Outgoing:
    """Return what SQS is sent for a message of kombu's to a queue of the manifest.

    ``now`` is in seconds since the epoch. Takes the properties SQS has parameters for out of the
    message. Raises UnknownQueueError and ``MessageTooLarge``.
    """
    name = fleet.physical_name(queue)
    headers: Mapping[str, Any] = message.get("headers") or {}
    properties: dict[str, Any] = message.get("properties") or {}
    entry: dict[str, Any] = {}
    attributes: dict[str, Any] = dict(properties.pop("message_attributes", None) or {})
    group = properties.pop("MessageGroupId", None)  # fair queues
    if group is not None:
        entry["MessageGroupId"] = group
    due_at = due(headers)
    asked = properties.pop("DelaySeconds", None)
    wait = Delay(int(asked)) if asked is not None else delay(due_at, now)
    if wait.waits:
        name = fleet.delay_queue_name
        attributes |= {
            QUEUE_ATTRIBUTE: string(queue),
            TASK_ATTRIBUTE: string(str(headers.get("task"))),
            DUE_ATTRIBUTE: string(repr(due_at)),
        }
    if wait.seconds:
        entry["DelaySeconds"] = wait.seconds
    if attributes:
        entry["MessageAttributes"] = attributes
    entry["MessageBody"] = encode(message)
    size = entry_bytes(entry)
    if size > LIMIT_BYTES:
        raise MessageTooLarge(
            f"{headers.get('task')}: expected a message of at most {LIMIT_BYTES} bytes, found "
            f"{size} ({body_bytes(entry['MessageBody'])} of them its body): pass a reference to "
            "what is large"
        )
    return Outgoing(name, entry)


def encode(message: Mapping[str, Any]) -> str:
    """Return the body of an SQS message as stock kombu writes it: base64 of the JSON envelope."""
    return base64.b64encode(dumps(message).encode()).decode()
