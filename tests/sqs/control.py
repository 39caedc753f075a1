"""The caller's half of the control side: what a test uses, from any process."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.sqs.faults import Fault

_TIMEOUT_SECONDS = 10.0


class ControlError(Exception):
    """The server refused a control request; the message says why."""


@dataclass(frozen=True)
class Counts:
    """One queue in numbers. The second group counts since the queue was made."""

    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    open_polls: int = 0
    closed_polls: int = 0  # the caller hung up, or a fault silenced it, and time is left

    sent: int = 0
    received: int = 0
    deleted: int = 0
    purged: int = 0
    expired: int = 0
    redriven: int = 0  # moved from here to the dead-letter queue
    arrived_by_redrive: int = 0
    stale_handles: int = 0
    received_by_closed_polls: int = 0

    @property
    def present(self) -> int:
        """All messages that are in the queue, whatever their state."""
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True)
class PeekedMessage:
    """A message as it lies in the queue. ``due_in_seconds`` is until a delay or timeout ends."""

    message_id: str
    body: str
    attributes: dict[str, dict[str, str]]  # as SendMessage took them; binary ones in base64
    system_attributes: dict[str, str]
    state: Literal["visible", "delayed", "in_flight"]
    receive_count: int
    sent_at_epoch_seconds: float
    due_in_seconds: float
    dead_letter_source_arn: str | None


@dataclass(frozen=True)
class CallRecord:
    """One call. ``started_at`` is ``time.monotonic()`` of this machine, in any process of it."""

    started_at: float
    seconds: float
    action: str
    queue: str
    entries: int
    status: int  # 0: no answer was sent
    outcome: str  # "ok", an error's code, "fault:<kind>"
    access_key_id: str
    user_agent: str


class Calls:
    """Counters of calls at one moment."""

    def __init__(self, counters: dict[str, Any]) -> None:
        self._requests = counters["requests"]
        self._answers = counters["answers"]

    def requests(
        self, action: str | None = None, queue: str | None = None, access_key_id: str | None = None
    ) -> int:
        """How many calls arrived (None: of any), with long polls that are still open."""
        return sum(
            row["count"] for row in self._requests if _matches(row, action, queue, access_key_id)
        )

    def entries(
        self, action: str | None = None, queue: str | None = None, access_key_id: str | None = None
    ) -> int:
        """The batch entries in those calls; a call without entries counts as one."""
        return sum(
            row["entries"] for row in self._requests if _matches(row, action, queue, access_key_id)
        )

    def answers(self, action: str | None = None, outcome: str | None = None) -> int:
        """How many calls were answered, with ``"ok"``, an error's code or ``"fault:<kind>"``."""
        return sum(
            row["count"]
            for row in self._answers
            if action in (None, row["action"]) and outcome in (None, row["outcome"])
        )

    def __repr__(self) -> str:
        return f"Calls(requests={self._requests}, answers={self._answers})"


def _matches(
    row: dict[str, Any], action: str | None, queue: str | None, access_key_id: str | None
) -> bool:
    return (
        action in (None, row["action"])
        and queue in (None, row["queue"])
        and access_key_id in (None, row["access_key_id"])
    )


class Control:
    """Talks to the control side of the server at ``url``. Safe to use from several threads.

    Keeps one connection, which outlives :meth:`refuse_connections`. Every method raises
    :class:`ControlError` for what the server refuses, OSError when it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection; the next request opens one again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, verb: str, **parameters: Any) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    self._address.hostname or "", self._address.port, timeout=_TIMEOUT_SECONDS
                )
            try:
                self._connection.request("POST", f"/_control/{verb}", json.dumps(parameters))
                response = self._connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException):
                self._drop()
                raise
        if response.status not in (200, 400):
            raise ControlError(f"control {verb}: HTTP {response.status}, {text!r}")
        answer = json.loads(text)
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer["result"]

    # -- time ----------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Turn the server's clock forward; what becomes due happens before this returns."""
        self._ask("advance", seconds=seconds)

    # -- faults --------------------------------------------------------------------------------

    def delay(self, seconds: float, actions: Sequence[str] | None = None) -> None:
        """Make every call (or calls of these actions) take ``seconds`` longer."""
        self._ask("delay", seconds=seconds, actions=None if actions is None else list(actions))

    def add_fault(self, fault: Fault) -> int:
        """Put a fault into force; the number that clears it."""
        return int(self._ask("add_fault", fault=fault.as_json()))

    def clear_faults(self, fault_id: int | None = None) -> None:
        """End one fault, or all."""
        self._ask("clear_faults", fault_id=fault_id)

    def struck(self, fault_id: int) -> int:
        """How many calls a fault that is in force (or spent) has struck."""
        for row in self._ask("faults"):
            if row["fault_id"] == fault_id:
                return int(row["struck"])
        raise ControlError(f"no fault {fault_id} is in force")

    def expire_access_key(self, access_key_id: str) -> None:
        """Answer ExpiredToken to what is signed with this access key id; others are accepted."""
        self._ask("expire_access_key", access_key_id=access_key_id)

    def renew_access_key(self, access_key_id: str) -> None:
        """Accept it again."""
        self._ask("renew_access_key", access_key_id=access_key_id)

    def refuse_connections(self, seconds: float) -> None:
        """Refuse connections for ``seconds`` and reset the API's open ones, long polls too."""
        self._ask("ping")  # have a connection before none can be made
        self._ask("refuse_connections", seconds=seconds)

    def accept_connections(self) -> None:
        """Accept connections again at once."""
        self._ask("accept_connections")

    def configure(
        self,
        *,
        hang_up_hides: bool | None = None,
        stale_delete_succeeds: bool | None = None,
        in_flight_limit: int | None = None,
    ) -> None:
        """Change how strict the server is; see :class:`tests.sqs.queue.Settings`."""
        given = {
            "hang_up_hides": hang_up_hides,
            "stale_delete_succeeds": stale_delete_succeeds,
            "in_flight_limit": in_flight_limit,
        }
        self._ask("configure", settings={k: v for k, v in given.items() if v is not None})

    # -- what happened -------------------------------------------------------------------------

    def calls(self) -> Calls:
        """The counters of calls."""
        return Calls(self._ask("calls"))

    def reset_calls(self) -> None:
        """Set them to zero and forget the records."""
        self._ask("reset_calls")

    def record_calls(self, on: bool = True) -> None:
        """Keep a record of each call, or stop to."""
        self._ask("record_calls", on=on)

    def call_records(self) -> list[CallRecord]:
        """The calls that were answered while recording."""
        return [CallRecord(**row) for row in self._ask("call_records")]

    # -- what is there -------------------------------------------------------------------------

    def queues(self) -> list[str]:
        """The names of all queues."""
        return list(self._ask("queues"))

    def counts(self, queue: str) -> Counts:
        """A queue in numbers."""
        return Counts(**self._ask("counts", queue=queue))

    def peek(self, queue: str) -> list[PeekedMessage]:
        """The messages of a queue, in the order they came, without receiving them."""
        return [PeekedMessage(**row) for row in self._ask("peek", queue=queue)]

    def wait_for(
        self,
        queue: str,
        condition: Callable[[Counts], bool],
        timeout_seconds: float = 10.0,
    ) -> Counts:
        """Look at a queue until its counts fulfil ``condition``.

        Raises TimeoutError, with the last counts, when they do not in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not condition(counts := self.counts(queue)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"queue {queue} after {timeout_seconds} s: {counts}")
            time.sleep(0.005)
        return counts
