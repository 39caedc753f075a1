"""What happens to a message: one table, from how its run ended to what the broker is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

#: A message that no worker can run yet stays hidden for at most this long at a time: a release
#: that brings the task takes minutes, and an operator should not wait longer for the retry.
HIDE_AT_MOST_SECONDS: Final = 900


class Outcome(StrEnum):
    """How a received message's time on this worker ended."""

    DONE = "done"
    RETRIED = "retried"
    IGNORED = "ignored"
    REVOKED = "revoked"
    REPEATED = "repeated"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    REJECTED = "rejected"
    REQUEUED = "requeued"
    CHILD_DIED = "child died"
    UNREGISTERED = "unregistered"
    UNDECODABLE = "undecodable"
    NO_PAYLOAD = "no payload"
    NOT_DUE = "not due"
    NOT_STARTED = "not started"
    CUT_OFF = "cut off"
    LEASE_LOST = "lease lost"


class Broker(StrEnum):
    """What SQS is told about a message."""

    DELETE = "delete"
    DEAD_LETTER = "dead_letter"
    DELAY = "delay"  # a copy that SQS shows when it is due, then delete
    HAND_BACK = "hand_back"
    HIDE = "hide"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message went to the dead-letter queue: the error's class and its message."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and, where there is something to say of it, the reason."""

    outcome: Outcome
    reason: Reason | None = None


DONE: Final = Verdict(Outcome.DONE)
NOT_DUE: Final = Verdict(Outcome.NOT_DUE)
REPEATED: Final = Verdict(Outcome.REPEATED)

#: ``BY_MANIFEST`` stands for the queue's ``on_failure``.
BY_MANIFEST: Final = "by_manifest"

_Action = Broker | Literal["by_manifest"]

#: outcome -> (action, action on the message's last receive). SQS itself moves a message to the
#: dead-letter queue at the receive after ``max_receives``, and says nothing of why. So whatever
#: would be given back on its last receive is copied there by the worker, with the reason.
TABLE: Final = MappingProxyType[Outcome, tuple[_Action, _Action]](
    {
        Outcome.DONE: (Broker.DELETE, Broker.DELETE),
        Outcome.RETRIED: (Broker.DELETE, Broker.DELETE),
        Outcome.IGNORED: (Broker.DELETE, Broker.DELETE),
        Outcome.REVOKED: (Broker.DELETE, Broker.DELETE),
        Outcome.REPEATED: (Broker.DELETE, Broker.DELETE),
        Outcome.FAILED: (BY_MANIFEST, BY_MANIFEST),
        Outcome.TIMED_OUT: (BY_MANIFEST, BY_MANIFEST),
        Outcome.REJECTED: (BY_MANIFEST, BY_MANIFEST),
        Outcome.REQUEUED: (Broker.HAND_BACK, Broker.DEAD_LETTER),
        Outcome.CHILD_DIED: (Broker.HAND_BACK, Broker.DEAD_LETTER),
        Outcome.UNREGISTERED: (Broker.HIDE, Broker.DEAD_LETTER),
        Outcome.UNDECODABLE: (Broker.DEAD_LETTER, Broker.DEAD_LETTER),
        Outcome.NO_PAYLOAD: (Broker.HIDE, Broker.DEAD_LETTER),
        Outcome.NOT_DUE: (Broker.DELAY, Broker.DELAY),
        Outcome.NOT_STARTED: (Broker.HAND_BACK, Broker.HAND_BACK),
        Outcome.CUT_OFF: (Broker.HAND_BACK, Broker.DEAD_LETTER),
        Outcome.LEASE_LOST: (Broker.FORGET, Broker.FORGET),
    }
)


def broker_action(
    outcome: Outcome,
    *,
    last_receive: bool,
    on_failure: Literal["dead_letter", "drop"],
    spot: bool = False,
) -> Broker:
    """Return what to tell the broker of a message.

    ``last_receive`` is whether the message has been received ``max_receives`` times. Under a
    ``spot`` deadline there may be no time for a copy: everything cut off is handed back.
    """
    if spot and outcome is Outcome.CUT_OFF:
        return Broker.HAND_BACK
    first, last = TABLE[outcome]
    action = last if last_receive else first
    if action != BY_MANIFEST:
        return Broker(action)
    return Broker.DELETE if on_failure == "drop" else Broker.DEAD_LETTER


def hide_seconds(*, lease_seconds: float, receives: int) -> int:
    """Return how long a message is hidden that this worker cannot run yet.

    That is lease x 2^receives, capped.
    """
    doublings = min(receives, 16)
    return int(min(lease_seconds * 2**doublings, HIDE_AT_MOST_SECONDS))
