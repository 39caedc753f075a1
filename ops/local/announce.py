"""Events of this account's services, published to EventBridge one after another.

A thread of its own does it: what a rule's target does with an event holds up no call.
"""

from __future__ import annotations

import logging
import queue
import threading

from ops.local.autoscaling.events import Event
from ops.local.events import publish

_log = logging.getLogger(__name__)


class Announcer:
    """Publishes events in the order they came, on the default bus of their region."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[tuple[str, str, Event]] = queue.SimpleQueue()
        threading.Thread(target=self._publish_all, name="announcer", daemon=True).start()

    def put(self, account: str, region: str, event: Event) -> None:
        """Publish an event soon; returns at once."""
        self._events.put((account, region, event))

    def _publish_all(self) -> None:
        while True:
            account, region, event = self._events.get()
            try:
                publish(
                    event.source,
                    event.kind,
                    event.detail,
                    event.resources,
                    account=account,
                    region=region,
                )
            except Exception:  # whatever a target did with it, the next event is to come
                _log.exception("%s was not delivered", event.kind)
