"""The queues of the account, by region and name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.sqs.attributes import QueueAttributes, normalised
from tests.sqs.clock import Clock
from tests.sqs.errors import SqsError, invalid_parameter
from tests.sqs.queue import Queue, Settings

ACCOUNT_ID = "123456789012"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
# API reference, CreateQueue: QueueDeletedRecently.
_DELETED_RECENTLY_SECONDS = 60.0


class Registry:
    """Creates, finds and deletes queues. A queue is known only in the region it was made in."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.clock = clock
        self.settings = settings
        self.base_url = ""
        self._queues: dict[tuple[str, str], Queue] = {}
        self._deleted_at: dict[tuple[str, str], float] = {}
        clock.on_advance(self._dispatch_all)

    def url_of(self, queue: Queue) -> str:
        """The queue's URL on this server."""
        return f"{self.base_url}/{ACCOUNT_ID}/{queue.name}"

    def create(
        self, region: str, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]
    ) -> Queue:
        """Make a queue, or find the one of that name if no given attribute differs."""
        _check_name(name)
        normalised(attributes)
        key = (region, name)
        queue = self._queues.get(key)
        if queue is not None:
            if differing := queue.attributes.differing(attributes):
                raise SqsError(
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value for "
                    f"attribute {', '.join(differing)}",
                )
            return queue
        deleted_at = self._deleted_at.get(key)
        if deleted_at is not None and self.clock.now() < deleted_at + _DELETED_RECENTLY_SECONDS:
            raise SqsError(
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another "
                "with the same name.",
            )
        queue = Queue(
            name=name,
            arn=f"arn:aws:sqs:{region}:{ACCOUNT_ID}:{name}",
            clock=self.clock,
            settings=self.settings,
            attributes=QueueAttributes(),
            tags=dict(tags),
            find_by_arn=self.find_by_arn,
        )
        self.set_attributes(queue, attributes)
        self._queues[key] = queue
        return queue

    def set_attributes(self, queue: Queue, attributes: Mapping[str, str]) -> None:
        """Change a queue's attributes. Raises ``InvalidAttributeValue``, ``...Name``."""
        candidate = QueueAttributes()
        candidate.update(attributes)
        if candidate.redrive is not None:
            target = self.find_by_arn(candidate.redrive.dead_letter_arn)
            if target is None or not target.attributes.allows_source(queue.arn):
                raise SqsError(
                    "InvalidAttributeValue",
                    f"Value {attributes['RedrivePolicy']} for parameter RedrivePolicy is "
                    "invalid. Reason: Dead-letter target does not exist, or does not allow "
                    "this source.",
                )
        queue.attributes.update(attributes)
        queue.modified_at = self.clock.now()
        if "MessageRetentionPeriod" in attributes:
            queue.reschedule_expiry()

    def find_by_arn(self, arn: str) -> Queue | None:
        """The queue of an ARN, or None."""
        region, account, name = (arn.split(":") + [""] * 6)[3:6]
        return self._queues.get((region, name)) if account == ACCOUNT_ID else None

    def by_name(self, region: str, name: str) -> Queue:
        """The queue of a name. Raises ``QueueDoesNotExist``."""
        queue = self._queues.get((region, name))
        if queue is None:
            elsewhere = sorted(place for place, known in self._queues if known == name)
            hint = f" It exists in {', '.join(elsewhere)}." if elsewhere else ""
            raise SqsError(
                "QueueDoesNotExist",
                f"The specified queue does not exist: {name!r} in {region}.{hint}",
            )
        return queue

    def by_url(self, region: str, url: str) -> Queue:
        """The queue of a URL. Raises ``QueueDoesNotExist``, ``InvalidAddress``."""
        parts = url.rsplit("/", 2)
        if len(parts) != 3 or parts[1] != ACCOUNT_ID:
            raise SqsError("InvalidAddress", f"The address {url} is not valid for this endpoint.")
        return self.by_name(region, parts[2])

    def named(self, name: str) -> list[Queue]:
        """The queues of that name in any region (for the control side)."""
        return [queue for (_, known), queue in self._queues.items() if known == name]

    def all(self, region: str | None = None) -> list[Queue]:
        """All queues, or those of one region, by name."""
        return [
            self._queues[key]
            for key in sorted(self._queues, key=lambda key: key[1])
            if region is None or key[0] == region
        ]

    def delete(self, region: str, queue: Queue) -> None:
        """Delete a queue and what is in it."""
        del self._queues[region, queue.name]
        self._deleted_at[region, queue.name] = self.clock.now()
        queue.close()

    def _dispatch_all(self) -> None:
        for queue in self.all():
            queue.dispatch()


def _check_name(name: str) -> None:
    if name.endswith(".fifo"):
        raise SqsError(
            "UnsupportedOperation", f"{name}: this server has standard queues only, no FIFO."
        )
    if _NAME.fullmatch(name) is None:
        raise invalid_parameter(
            name,
            "QueueName",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
        )
