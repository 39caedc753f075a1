"""Copies of messages that came before they are due, for SQS to hide until then.

Producers on our settings have SQS delay what they send; stock ones do not, and clocks differ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from worker.delays import ATTRIBUTE, Delay, Waiting, delay, longest_delay_seconds
from worker.fleet import Fleet, Queue
from worker.outcomes import Reason
from worker.sqs.batches import ATTRIBUTES_AT_MOST, LIMIT_BYTES, entry_bytes, string
from worker.sqs.client import Sqs
from worker.sqs.copies import Copied, carried, send_copies
from worker.sqs.errors import Trouble, describe, trouble
from worker.sqs.ledger import Held

logger = logging.getLogger(__name__)


class Postponer:
    """Sends held messages of one queue again, to it or to the delay queue, with their delay."""

    def __init__(self, sqs: Sqs, fleet: Fleet, queue: Queue) -> None:
        self._sqs = sqs
        self._queue = queue.name
        self._name = fleet.physical_name(queue.name)
        self._delay_name = fleet.delay_queue_name
        self._longest_seconds = longest_delay_seconds(queue.retention.total_seconds())

    def copy(self, messages: Sequence[tuple[Held, Reason | None]]) -> Copied:
        """Copy messages; return how they fared."""
        now = time.time()
        short: list[tuple[Held, dict[str, Any]]] = []
        long: list[tuple[Held, dict[str, Any]]] = []
        for held, _ in messages:
            wait = delay(held.eta_epoch_seconds, now, self._longest_seconds)
            if wait.waits and (entry := self._waiting(held, wait)) is not None:
                long.append((held, entry))
            else:
                seconds = self._longest_seconds if wait.waits else wait.seconds
                short.append((held, self._entry(held, seconds)))
        copied = send_copies(self._sqs, self._url, short)
        waiting = send_copies(self._sqs, self._delay_url, long)
        error = waiting.error
        if error is not None and trouble(error) in (Trouble.NO_QUEUE, Trouble.DENIED):
            # A fleet that has not made its delay queue yet: they come back here until it has.
            logger.warning(
                "%s: cannot send to it: %s: %d tasks wait in %s instead: ops queues apply --yes",
                self._delay_name,
                describe(error),
                len(long) - len(waiting.arrived),
                self._name,
            )
            done = set(map(id, waiting.arrived + waiting.refused))
            back = [
                (held, self._entry(held, self._longest_seconds))
                for held, _ in long
                if id(held) not in done
            ]
            waiting.error = None
            waiting.add(send_copies(self._sqs, self._url, back))
        copied.add(waiting)
        return copied

    def _url(self) -> str:
        return self._sqs.queue_url(self._name)

    def _delay_url(self) -> str:
        return self._sqs.queue_url(self._delay_name)

    def _entry(self, held: Held, seconds: int) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "MessageBody": held.message["Body"],
            "DelaySeconds": seconds,
        }
        if attributes := carried(held, ATTRIBUTE):
            entry["MessageAttributes"] = attributes
        group = held.message["Attributes"].get("MessageGroupId")
        if group is not None:
            entry["MessageGroupId"] = group
        return entry

    def _waiting(self, held: Held, wait: Delay) -> dict[str, Any] | None:
        """Return an entry for the delay queue; None where its attribute leaves no room."""
        assert held.eta_epoch_seconds is not None  # noqa: S101
        entry = self._entry(held, wait.seconds)
        waiting = Waiting(self._queue, held.task, held.task_id, held.eta_epoch_seconds)
        attributes = {**entry.get("MessageAttributes", {}), ATTRIBUTE: string(waiting.text())}
        entry["MessageAttributes"] = attributes
        if len(attributes) > ATTRIBUTES_AT_MOST or entry_bytes(entry) > LIMIT_BYTES:
            return None
        return entry
