"""Whether the delay queue takes more hidden messages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ops.queues.forwarding import MOST_HIDDEN
from worker.sqs.errors import CALL_ERRORS, describe

if TYPE_CHECKING:
    from worker.sqs.client import Sqs

logger = logging.getLogger(__name__)

#: How often SQS is asked; its counts lag by up to a minute, so more often tells no more.
LOOK_EVERY_SECONDS: Final = 60.0


class Room:
    """What the delay queue has in flight: as SQS counts it, and what was hidden here since.

    While SQS does not say, there is no room: messages then wait by copies, which always works.
    """

    def __init__(self, sqs: Sqs, url: Callable[[], str]) -> None:
        self._sqs = sqs
        self._url = url
        self._lock = threading.Lock()
        self._looked_at: float | None = None
        self._in_flight: int | None = None

    def left(self) -> bool:
        """Whether one more message may be hidden."""
        with self._lock:
            now = time.monotonic()
            if self._looked_at is None or now - self._looked_at >= LOOK_EVERY_SECONDS:
                self._looked_at = now
                self._in_flight = self._count()
            return self._in_flight is not None and self._in_flight < MOST_HIDDEN

    def hid(self, count: int) -> None:
        """Count messages that were hidden now."""
        with self._lock:
            if self._in_flight is not None:
                self._in_flight += count

    def _count(self) -> int | None:
        name: Final = "ApproximateNumberOfMessagesNotVisible"
        try:
            answer = self._sqs.client().get_queue_attributes(
                QueueUrl=self._url(), AttributeNames=[name]
            )
            return int(answer["Attributes"][name])
        except CALL_ERRORS as error:
            logger.warning("delay queue: cannot count what is in flight: %s", describe(error))
            return None
