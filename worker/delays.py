"""How a task that is due later reaches its queue in time: where it waits, and how long. Pure.

Due times and ``now`` are seconds since the epoch.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final, TypeGuard

#: The longest SQS delays a message (SendMessage, DelaySeconds: 0 to 900).
LONGEST_DELAY_SECONDS: Final = 900
#: How far ahead a task may be due. A date farther off belongs into a database: a message cannot
#: be looked at, changed or taken back.
FARTHEST_SECONDS: Final = 366 * 86400

#: The message attribute of a task in the delay queue; ``Waiting`` reads and writes it.
ATTRIBUTE: Final = "fleet.delayed"
#: The end of the year 9999, Python's and ISO 8601's last.
_LATEST_MOMENT: Final = 253_402_300_800
#: As long as a task's name and its id may be (`worker.sqs.headers`), in JSON up to six times that.
_NAME_AT_MOST_CHARACTERS: Final = 1024
_TEXT_AT_MOST_CHARACTERS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Delay:
    """How a message is sent: hidden for ``seconds``, in the delay queue if it ``waits`` there."""

    seconds: int = 0
    waits: bool = False


class TooFarAhead(ValueError):
    """A task due later than ``FARTHEST_SECONDS`` from now; the text says so."""


def delay(due: float | None, now: float, longest_seconds: int = LONGEST_DELAY_SECONDS) -> Delay:
    """Return how a message due then is sent now, to a queue that takes ``longest_seconds``.

    Rounded up, so that nothing is early: at most a second late. What is due later than that waits
    in the fleet's delay queue. It is shown there ``longest_seconds`` before it is due, so that
    whoever moves it on may be that late himself and it is still in time.
    """
    if due is None or due <= now:
        return Delay()
    seconds = math.ceil(due - now)
    if seconds <= longest_seconds:
        return Delay(seconds)
    return Delay(min(seconds - longest_seconds, LONGEST_DELAY_SECONDS), waits=True)


def longest_delay_seconds(retention_seconds: float) -> int:
    """Return how long a message may be delayed in its own queue: at most half of its retention.

    SQS counts retention from the sending, and deletes what is still delayed then.
    """
    return min(LONGEST_DELAY_SECONDS, int(retention_seconds // 2))


def check_due(due: float | None, now: float) -> None:
    """Raise ``TooFarAhead`` unless a task may be due then."""
    if due is not None and due - now > FARTHEST_SECONDS:
        raise TooFarAhead(
            f"eta: expected at most {FARTHEST_SECONDS // 86400} days from now, found "
            f"{(due - now) / 86400:.0f}: keep such a date in a database, and send the task when "
            "it is near"
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a message in the delay queue says of itself."""

    queue: str  # its own, as the manifest names it
    task: str
    task_id: str
    due: float

    def text(self) -> str:
        """Return it as the attribute's value: JSON."""
        return json.dumps(
            {"queue": self.queue, "task": self.task, "id": self.task_id, "due": self.due}
        )

    @classmethod
    def read(cls, text: str) -> Waiting | None:
        """Return what an attribute's value says; None if it is not one that ``text`` writes."""
        if len(text) > _TEXT_AT_MOST_CHARACTERS:
            return None
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(said, dict):
            return None
        queue, task, task_id, due = (said.get(key) for key in ("queue", "task", "id", "due"))
        if _is_name(queue) and _is_name(task) and _is_name(task_id) and _is_moment(due):
            return cls(queue, task, task_id, float(due))
        return None


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _NAME_AT_MOST_CHARACTERS


def _is_moment(value: object) -> TypeGuard[float]:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= _LATEST_MOMENT
    )
