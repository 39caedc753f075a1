"""Copies to the dead-letter queue: the message as it came, and why it is there."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from worker.outcomes import Reason
from worker.sqs.batches import (
    ATTRIBUTES_AT_MOST,
    LIMIT_BYTES,
    attribute_bytes,
    body_bytes,
    string,
)
from worker.sqs.client import Sqs
from worker.sqs.copies import Copied, carried, send_copies
from worker.sqs.ledger import Held

logger = logging.getLogger(__name__)

#: The message attribute that carries the reason, as JSON.
ATTRIBUTE: Final = "fleet.reason"

TEXT_AT_MOST_CHARACTERS: Final = 1000


class Copier:
    """Copies held messages to a queue's dead-letter queue."""

    def __init__(self, sqs: Sqs, queue: str, dead_letter_url: Callable[[], str]) -> None:
        self._sqs = sqs
        self._queue = queue
        self._dead_letter_url = dead_letter_url
        self._node = socket.gethostname()

    def copy(self, messages: Sequence[tuple[Held, Reason | None]]) -> Copied:
        """Copy messages, and what is refused with its reason without it; return how they fared."""
        entries = [(held, self._entry(held, reason)) for held, reason in messages]
        copied = send_copies(self._sqs, self._dead_letter_url, entries)
        if copied.refused:
            bare = [(held, {"MessageBody": held.message["Body"]}) for held in copied.refused]
            copied.refused = []
            copied.add(send_copies(self._sqs, self._dead_letter_url, bare))
        return copied

    def _entry(self, held: Held, reason: Reason | None) -> dict[str, Any]:
        kind, text = (reason.kind, reason.text) if reason else ("Unknown", "")
        logger.warning("dead letter: %s[%s]: %s: %s", held.task, held.task_id, kind, text[:300])
        said = {
            "class": kind,
            "message": text[:TEXT_AT_MOST_CHARACTERS],
            "node": self._node,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "queue": self._queue,
            "task": held.task,
            "id": held.task_id,
            "receives": held.receives,
            "sent": held.sent_at_epoch_seconds,
            "message_id": held.message_id,
        }
        body = held.message["Body"]
        room = LIMIT_BYTES - body_bytes(body)
        attributes = _fitting(carried(held, ATTRIBUTE), said, room)
        return {"MessageBody": body, "MessageAttributes": attributes}


def _fitting(
    own: Mapping[str, dict[str, Any]], said: Mapping[str, Any], room_bytes: int
) -> dict[str, dict[str, Any]]:
    """Return the attributes that fit beside the body, the reason before the message's own.

    A body that leaves no room even for the reason's class goes without: the log has it.
    """
    full = dict(list(own.items())[: ATTRIBUTES_AT_MOST - 1])
    for attributes, reason in (
        (full, said),
        ({}, said),
        ({}, {"class": said["class"]}),
    ):
        wanted = {**attributes, ATTRIBUTE: string(json.dumps(reason))}
        if sum(attribute_bytes(name, value) for name, value in wanted.items()) <= room_bytes:
            return wanted
    return {}
