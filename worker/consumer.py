"""Celery's consumer on a queue where any message may be waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer

from worker.outcomes import Outcome, Reason, Verdict

logger = logging.getLogger(__name__)


class Consumer(CeleryConsumer):
    """A consumer that deletes nothing unrecorded and never restarts over the network."""

    def __init__(self, *args: Any, worker_options: Any = None, **kwargs: Any) -> None:
        # Heartbeats, gossip and mingle are broadcasts, for which SQS has no means.
        quiet = {
            "without_heartbeat": True,
            "without_gossip": True,
            "without_mingle": True,
        }
        super().__init__(*args, worker_options={**(worker_options or {}), **quiet}, **kwargs)

    def connect(self) -> Any:
        """Connect for a consumer that recovers by itself."""
        connection = super().connect()
        connection.transport.without_reconnects()
        return connection

    def call_soon_ack(self, p: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Acknowledge at once when on the event loop's thread, else as soon as it turns.

        Ours sends nothing: it frees the slot. Scheduled from the loop itself it would wait for
        the loop's next event.
        """
        if threading.current_thread() is not threading.main_thread():
            return super().call_soon_ack(p, *args, **kwargs)
        try:
            p(*args, **kwargs)
        except Exception:
            logger.exception("a message could not be ended")
        return p

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return the handler of messages; what it cannot take goes to the dead-letter queue."""
        handle = super().create_task_handler(*args, **kwargs)

        def guarded(message: Any) -> None:
            try:
                handle(message)
            except Exception as error:
                logger.exception("a message could not be taken")
                self._undecodable(message, error)

        return guarded

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """Hide a task this release does not know, for the one that does."""
        name = message.headers["task"]
        logger.error(
            "unregistered task %s[%s]: not known to this release; it waits for one that knows it",
            name,
            message.headers["id"],
        )
        reason = Reason("NotRegistered", f"no task {name} in this release")
        self._end(message, Verdict(Outcome.UNREGISTERED, reason))

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """Copy what is no task to the dead-letter queue."""
        self._undecodable(message, ValueError("no task message"))

    def on_invalid_task(self, body: Any, message: Any, exc: BaseException) -> None:
        """Copy what Celery refuses to the dead-letter queue."""
        self._undecodable(message, exc)

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """Copy what cannot be decoded to the dead-letter queue."""
        self._undecodable(message, exc)

    def _undecodable(self, message: Any, error: BaseException) -> None:
        reason = Reason(type(error).__name__, str(error))
        self._end(message, Verdict(Outcome.UNDECODABLE, reason))

    @staticmethod
    def _end(message: Any, verdict: Verdict) -> None:
        message.verdict = verdict
        if not message.acknowledged:
            message.ack()
