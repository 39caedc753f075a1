"""What the manifest wants of each queue on SQS. Pure: no AWS in here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from ops.queues.forwarding import HOLD_SECONDS, LONGEST_POLL_SECONDS
from worker.manifest.queue import DEAD_LETTER_RETENTION
from worker.sqs.batches import LIMIT_BYTES

if TYPE_CHECKING:
    from worker.fleet import Fleet, Queue

NAME_TAG = "fleet:name"
ROLE_TAG = "fleet:role"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One queue on SQS as the manifest wants it.

    `attributes` are SQS's names and texts. Its partner, the dead-letter queue of a source or the
    source of a dead-letter queue, is kept by name: an ARN is known once one of the two exists.
    `max_receives` is None for a dead-letter queue. The delay queue and the queue for its junk
    have no partner: SQS must not count receives there, of which each hop takes one.
    """

    name: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    partner: str | None = None
    max_receives: int | None = None

    @property
    def is_dead_letter(self) -> bool:
        """Whether this is the dead-letter queue of a source."""
        return self.max_receives is None and self.partner is not None

    def tie(self, arn: str) -> tuple[str, str] | None:
        """Return the attribute that ties it to its partner and its text; None without a partner.

        `arn` is the partner's, or any other queue's of the same account and region: the name is
        all in which they differ.
        """
        if self.partner is None:
            return None
        partner_arn = f"{arn.rpartition(':')[0]}:{self.partner}"
        if self.is_dead_letter:
            return "RedriveAllowPolicy", json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [partner_arn]}
            )
        return "RedrivePolicy", json.dumps(
            {"deadLetterTargetArn": partner_arn, "maxReceiveCount": self.max_receives}
        )


def wanted(fleet: Fleet) -> tuple[Wanted, ...]:
    """Return every queue the manifest wants, dead-letter queues first: sources refer to them."""
    return (
        *(_dead_letters(fleet, queue) for queue in fleet.queues.values()),
        *(_source(fleet, queue) for queue in fleet.queues.values()),
        *_delay_queues(fleet),
    )


def _delay_queues(fleet: Fleet) -> tuple[Wanted, Wanted]:
    """Return the queue for what was no task in the delay queue, and the delay queue."""
    kept = {
        "MaximumMessageSize": str(LIMIT_BYTES),
        "MessageRetentionPeriod": _seconds(DEAD_LETTER_RETENTION),
        "SqsManagedSseEnabled": "true",
    }
    times = {
        "VisibilityTimeout": str(HOLD_SECONDS),
        "ReceiveMessageWaitTimeSeconds": str(LONGEST_POLL_SECONDS),
    }
    tags = {NAME_TAG: fleet.name}
    return (
        Wanted(
            name=fleet.delay_dead_letter_name,
            attributes=MappingProxyType(kept),
            tags=MappingProxyType({**tags, ROLE_TAG: "dead-letter"}),
        ),
        Wanted(
            name=fleet.delay_queue_name,
            attributes=MappingProxyType({**times, **kept}),
            tags=MappingProxyType({**tags, ROLE_TAG: "delay"}),
        ),
    )


def _dead_letters(fleet: Fleet, queue: Queue) -> Wanted:
    return Wanted(
        name=fleet.dead_letter_name(queue.name),
        attributes=MappingProxyType(
            {
                "MaximumMessageSize": str(LIMIT_BYTES),
                "MessageRetentionPeriod": _seconds(DEAD_LETTER_RETENTION),
                "SqsManagedSseEnabled": "true",
            }
        ),
        tags=MappingProxyType({**fleet.tags(queue.name), ROLE_TAG: "dead-letter"}),
        partner=fleet.physical_name(queue.name),
    )


def _source(fleet: Fleet, queue: Queue) -> Wanted:
    return Wanted(
        name=fleet.physical_name(queue.name),
        attributes=MappingProxyType(
            {
                "VisibilityTimeout": _seconds(queue.lease),
                "ReceiveMessageWaitTimeSeconds": _seconds(queue.poll),
                "MessageRetentionPeriod": _seconds(queue.retention),
                "MaximumMessageSize": str(LIMIT_BYTES),
                "SqsManagedSseEnabled": "true",
            }
        ),
        tags=MappingProxyType(fleet.tags(queue.name)),
        partner=fleet.dead_letter_name(queue.name),
        max_receives=queue.max_receives,
    )


def _seconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds()))
