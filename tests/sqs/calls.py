"""What was asked of the server: counters always, one record a call where switched on."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.sqs.call import Call


class CallLog:
    """Counts calls as they arrive (an open long poll is counted) and answers as they leave."""

    def __init__(self) -> None:
        self.recording = False
        self.records: list[dict[str, Any]] = []
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._entries: Counter[tuple[str, str, str]] = Counter()
        self._answers: Counter[tuple[str, str]] = Counter()

    def began(self, call: Call) -> None:
        """A request was read."""
        key = (call.action, call.queue_name, call.access_key_id)
        self._requests[key] += 1
        self._entries[key] += call.entries

    def refused(self, target: str, outcome: str) -> None:
        """A request was not understood; ``target`` is what it named as its action."""
        self._answers[target.rpartition(".")[2], outcome] += 1

    def ended(self, call: Call, status: int, outcome: str) -> None:
        """It was answered with ``outcome``: ``ok``, an error's code, or ``fault:<kind>``."""
        self._answers[call.action, outcome] += 1
        if self.recording:
            self.records.append(
                {
                    "started_at": call.started_at,
                    "seconds": time.monotonic() - call.started_at,
                    "action": call.action,
                    "queue": call.queue_name,
                    "entries": call.entries,
                    "status": status,
                    "outcome": outcome,
                    "access_key_id": call.access_key_id,
                    "user_agent": call.user_agent,
                }
            )

    def reset(self) -> None:
        """Forget counts and records."""
        self._requests.clear()
        self._entries.clear()
        self._answers.clear()
        self.records.clear()

    def as_json(self) -> dict[str, Any]:
        """Requests by (action, queue, access key id), answers by (action, outcome)."""
        return {
            "requests": [
                {
                    "action": action,
                    "queue": queue,
                    "access_key_id": access_key_id,
                    "count": count,
                    "entries": self._entries[action, queue, access_key_id],
                }
                for (action, queue, access_key_id), count in self._requests.items()
            ],
            "answers": [
                {"action": action, "outcome": outcome, "count": count}
                for (action, outcome), count in self._answers.items()
            ],
        }
