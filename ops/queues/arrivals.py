"""From a message of the delay queue to the task that waits in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.delays import ATTRIBUTE, Waiting
from worker.sqs.envelope import Envelope, Undecodable, decode
from worker.sqs.headers import due

if TYPE_CHECKING:
    from worker.fleet import Fleet
    from worker.sqs.client import ReceivedMessage


def arrival(fleet: Fleet, message: ReceivedMessage, now: float) -> Waiting:
    """Return the task in a message: by its attribute, else by its body.

    A body without the attribute is one that something other than our producers sent there: its
    queue is the one it was published to, or the manifest's for its task, and without an eta it is
    due at once. Raises ``Undecodable`` for what is no task of this fleet.
    """
    attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
    waiting = Waiting.read(str(attributes.get(ATTRIBUTE, {}).get("StringValue", "")))
    if waiting is None:
        waiting = _from_body(fleet, message["Body"], now)
    return waiting


def _from_body(fleet: Fleet, body: str, now: float) -> Waiting:
    envelope = decode(body)
    queue = _queue(fleet, envelope)
    if queue is None:
        raise Undecodable(
            f"its queue: expected one of the manifest, found none for {envelope.task}"
        )
    eta = due(envelope.payload["headers"])
    return Waiting(queue, envelope.task, envelope.task_id, now if eta is None else eta)


def _queue(fleet: Fleet, envelope: Envelope) -> str | None:
    key = envelope.payload["properties"]["delivery_info"].get("routing_key")
    return key if isinstance(key, str) and key in fleet.queues else fleet.route(envelope.task)
