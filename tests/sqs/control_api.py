"""The server's half of the control side: POST ``/_control/<verb>`` with a JSON object.

Never delayed, never hit by a fault.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.sqs.faults import Fault
from tests.sqs.queue import Queue, Settings

if TYPE_CHECKING:
    from tests.sqs.server import SqsServer

CONTROL_PATH = "/_control/"


class ControlApi:
    """Each public method is a verb; its parameters are the keys of the JSON object."""

    def __init__(self, server: SqsServer) -> None:
        self._server = server
        self._verbs = {
            name: method
            for name, method in inspect.getmembers(self, inspect.ismethod)
            if not name.startswith("_") and name != "handle"
        }

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request: 200 with ``{"result": ...}``, or 400 with ``{"error": ...}``."""
        verb = request.raw_path.removeprefix(CONTROL_PATH)
        method = self._verbs.get(verb)
        try:
            if method is None:
                raise ValueError(f"unknown verb {verb!r}; known are {sorted(self._verbs)}")
            given = json.loads(await request.content.read() or b"{}")
            inspect.signature(method).bind(**given)
            result = method(**given)
            if inspect.isawaitable(result):
                result = await result
        except (ValueError, TypeError, LookupError) as error:
            return _json({"error": f"control {verb}: {error}"}, 400)
        return _json({"result": result}, 200)

    def ping(self) -> str:
        """Answers at once."""
        return "pong"

    # -- time ----------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Turn the clock forward."""
        self._server.clock.advance(seconds)

    # -- faults --------------------------------------------------------------------------------

    def delay(self, seconds: float, actions: list[str] | None = None) -> None:
        """Delay all actions, or those named (which then no longer follow the general delay)."""
        if seconds < 0:
            raise ValueError(f"expected seconds >= 0, got {seconds}")
        if actions is None:
            self._server.faults.delay_seconds = seconds
        for action in actions or ():
            self._server.faults.delay_seconds_by_action[action] = seconds

    def add_fault(self, fault: dict[str, Any]) -> int:
        """Put a fault into force; its number."""
        return self._server.add_fault(Fault.from_json(fault))

    def clear_faults(self, fault_id: int | None = None) -> None:
        """End one fault, or all faults."""
        self._server.faults.clear(fault_id)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force and how many calls each has struck."""
        return [
            {"fault_id": rule.identifier, "struck": rule.struck, "fault": rule.fault.as_json()}
            for rule in self._server.faults
        ]

    def expire_access_key(self, access_key_id: str) -> None:
        """Answer ExpiredToken to whatever is signed with this key, until it is renewed."""
        self._server.faults.expired_access_key_ids.add(access_key_id)

    def renew_access_key(self, access_key_id: str) -> None:
        """Accept a key again."""
        self._server.faults.expired_access_key_ids.discard(access_key_id)

    async def refuse_connections(self, seconds: float) -> None:
        """Refuse connections for a while and reset the API's open ones."""
        await self._server.refuse_connections(seconds)

    async def accept_connections(self) -> None:
        """End that while now."""
        await self._server.accept_connections()

    def configure(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Change some of :class:`tests.sqs.queue.Settings`; all of them as they are now."""
        known = {field.name: field.type for field in fields(Settings)}
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; known are {sorted(known)}")
            if type(value).__name__ != known[name]:
                raise ValueError(f"setting {name}: expected {known[name]}, got {value!r}")
            setattr(self._server.settings, name, value)
        return asdict(self._server.settings)

    # -- what happened -------------------------------------------------------------------------

    def calls(self) -> dict[str, Any]:
        """Counters of requests and answers."""
        return self._server.calls.as_json()

    def reset_calls(self) -> None:
        """Set those counters to zero and forget the records."""
        self._server.calls.reset()

    def record_calls(self, on: bool) -> None:
        """Keep a record of each call from now on, or stop to."""
        self._server.calls.recording = on

    def call_records(self) -> list[dict[str, Any]]:
        """The records."""
        return self._server.calls.records

    # -- what is there -------------------------------------------------------------------------

    def counts(self, queue: str) -> dict[str, int]:
        """Messages visible, in flight, delayed; open polls; totals since the queue was made."""
        found = self._queue(queue)
        return {
            **found.counts(),
            "open_polls": sum(poll.is_heard for poll in found.open_polls),
            "closed_polls": sum(not poll.is_heard for poll in found.open_polls),
            **found.totals,
        }

    def peek(self, queue: str) -> list[dict[str, Any]]:
        """The messages of a queue in the order they came, without receiving them."""
        found = self._queue(queue)
        found.counts()  # what time has brought first
        clock = self._server.clock
        return [
            {
                "message_id": message.message_id,
                "body": message.body,
                "attributes": message.attributes,
                "system_attributes": message.system_attributes,
                "state": message.state.name.lower(),
                "receive_count": message.receive_count,
                "sent_at_epoch_seconds": clock.epoch_seconds(message.sent_at),
                "due_in_seconds": max(0.0, message.due_at - clock.now()),
                "dead_letter_source_arn": message.dead_letter_source_arn,
            }
            for message in found.messages.values()
        ]

    def queues(self) -> list[str]:
        """The names of all queues."""
        return [queue.name for queue in self._server.registry.all()]

    def _queue(self, name: str) -> Queue:
        found = self._server.registry.named(name)
        if len(found) != 1:
            raise LookupError(f"expected one queue named {name!r}, found {len(found)}")
        return found[0]


def _json(value: object, status: int) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(value).encode(), content_type="application/json"
    )
