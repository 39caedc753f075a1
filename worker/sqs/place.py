"""Where a task's message is sent and for how long it is hidden there, from its eta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from worker.delays import ATTRIBUTE, Waiting, check_due, delay, longest_delay_seconds
from worker.sqs.batches import string
from worker.sqs.headers import due

if TYPE_CHECKING:
    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Place:
    """A queue's name on SQS, the delay there, and the attributes a message needs there."""

    queue: str
    delay_seconds: int = 0
    attributes: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def place(fleet: Fleet, queue: str, headers: Mapping[str, Any], asked: object, now: float) -> Place:
    """Return where a task for a queue of the manifest is sent at ``now`` (epoch seconds).

    ``asked`` is the DelaySeconds that the caller set himself, or None. Raises UnknownQueueError
    and ``TooFarAhead``.
    """
    name = fleet.physical_name(queue)
    if asked is not None:
        return Place(name, int(str(asked)))
    due_at = due(headers)
    if due_at is None:
        return Place(name)
    check_due(due_at, now)
    retention_seconds = fleet.queue(queue).retention.total_seconds()
    wait = delay(due_at, now, longest_delay_seconds(retention_seconds))
    if not wait.waits:
        return Place(name, wait.seconds)
    waiting = Waiting(queue, str(headers.get("task")), str(headers.get("id")), due_at)
    return Place(fleet.delay_queue_name, wait.seconds, {ATTRIBUTE: string(waiting.text())})
