"""kombu's ``Producer.batch()`` on SQS: messages collected, and sent in batches when flushed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from kombu.exceptions import BatchPublishError

from worker.sqs.client import Sqs
from worker.sqs.outgoing import Outgoing
from worker.sqs.sender import Sender

#: So many ids are named in an error; the rest is counted.
NAMED_AT_MOST = 10


class BatchUnsent(BatchPublishError):
    """A flush after which not everything is known to be in SQS.

    ``refused`` are the ids of tasks that SQS will not take, ``unconfirmed`` of those that no
    answer came for: they may be in their queue or not.
    """

    def __init__(self, refused: list[str], unconfirmed: list[str], why: str) -> None:
        told = [
            f"{len(ids)} {what} ({_named(ids)})"
            for what, ids in (("refused", refused), ("not confirmed", unconfirmed))
            if ids
        ]
        super().__init__(f"publishing in a batch: {', '.join(told)}: {why}")
        self.refused = refused
        self.unconfirmed = unconfirmed


class PublishBatch:
    """What is published until the flush; kombu makes one for each outermost ``batch()``.

    Once a flush has failed nothing more is taken, as in kombu's own for Redis.
    """

    def __init__(self, channel: Any, sqs: Sqs, url_of: Callable[[str], str], max_size: int) -> None:
        self.channel = channel
        self._sqs = sqs
        self._url_of = url_of
        self._max_size = max_size
        self._messages: list[tuple[str, Outgoing]] = []
        self._failed: BatchUnsent | None = None

    def publish(self, message: dict[str, Any], **where: Any) -> None:
        """Take a message; sends all that are waiting when they are ``max_size``."""
        self._check()
        self.channel.basic_publish(message, batch=self, **where)
        if len(self._messages) >= self._max_size:
            self.flush()

    def add(self, task_id: str, outgoing: Outgoing) -> None:
        """Keep what SQS is to be sent for the message that is being published."""
        self._messages.append((task_id, outgoing))

    def flush(self) -> None:
        """Send what is waiting and wait for SQS's answers. Raises ``BatchUnsent``."""
        self._check()
        messages, self._messages = self._messages, []
        if not messages:
            return
        sender: Sender[str] = Sender(self._sqs, self._url_of, Random())  # noqa: S311
        try:
            self._send(sender, messages)
        except BaseException as error:
            sender.hurry()
            if self._failed is None:
                self._failed = BatchUnsent([], [task_id for task_id, _ in messages], repr(error))
            raise
        finally:
            sender.close()

    def _send(self, sender: Sender[str], messages: list[tuple[str, Outgoing]]) -> None:
        refused: dict[str, str] = {}
        unconfirmed: list[str] = []
        why = ""
        for task_id, outgoing in messages:
            sender.offer(task_id, outgoing)
        sender.flush()
        while (outcome := sender.outcome(wait=True)) is not None:
            refused.update(outcome.refused)
            unconfirmed += outcome.unconfirmed
            if outcome.error is not None:
                why = why or str(outcome.error)
                sender.hurry()
        if refused or unconfirmed:
            why = why or next(iter(refused.values()))
            self._failed = BatchUnsent(list(refused), unconfirmed, why)
            raise self._failed

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    def discard(self) -> None:
        """Forget what has not been sent."""
        self._messages = []

    def close(self) -> None:
        """Forget what has not been sent: kombu flushes before it closes."""
        self.discard()


def _named(ids: list[str]) -> str:
    rest = ", ..." if len(ids) > NAMED_AT_MOST else ""
    return f"{', '.join(ids[:NAMED_AT_MOST])}{rest}"
