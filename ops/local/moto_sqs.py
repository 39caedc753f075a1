"""Mends of moto's SQS, for the process that serves it.

moto 5.2 is right about what SQS does with one caller at a time. These mends are about many: its
threads change a queue's list of messages without a lock, so that a message sent while another is
being deleted can vanish, and two polls can receive the same one; and each call looks at the clock
several times for every message, so that at a depth of 2,000 it answers one receive of ten a second.

What is not mended: moto obeys a stale receipt handle, so a lost lease goes unnoticed here, and it
counts the 12 h for which a message can be hidden from its sending.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Final

from moto.core.utils import unix_time_millis
from moto.sqs.models import Queue, SQSBackend

#: How often a waiting poll looks for messages whose visibility timeout has lapsed, of which it is
#: not told.
_LOOK_SECONDS: Final = 0.2

_ALLOW_POLICY: Final = "RedriveAllowPolicy"


def mend() -> None:
    """Mend moto's SQS in this process, once and for every queue."""
    Queue.messages = property(_visible)
    Queue.approximate_number_of_messages_delayed = property(_delayed_count)
    Queue.approximate_number_of_messages_not_visible = property(_hidden_count)
    SQSBackend.is_message_valid_based_on_retention_period = _within_retention
    SQSBackend.receive_message = _waiting(SQSBackend.receive_message)
    for name in ("delete_message", "change_message_visibility"):
        setattr(SQSBackend, name, _exclusive(getattr(SQSBackend, name)))
    tell_redrive_allow_policy()


def tell_redrive_allow_policy() -> None:
    """Have queues answer with their RedriveAllowPolicy, which moto takes and keeps, and leaves out.

    Without it ``ops queues apply`` finds the same difference each time it is run.
    """
    if _ALLOW_POLICY not in Queue.BASE_ATTRIBUTES:
        Queue.redrive_allow_policy = None
        Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, _ALLOW_POLICY]


# -- one look at the clock a call, not three a message ---------------------------------------------


def _visible(queue: Any) -> list[Any]:
    now = unix_time_millis()
    return [m for m in queue._messages if m.visible_at < now and m.delayed_until <= now]


def _delayed_count(queue: Any) -> int:
    now = unix_time_millis()
    return sum(now < message.delayed_until for message in queue._messages)


def _hidden_count(queue: Any) -> int:
    now = unix_time_millis()
    return sum(now <= message.visible_at for message in queue._messages)


def _within_retention(backend: Any, queue_name: str, message: Any) -> bool:
    """Say whether a message is kept still; moto counts the whole queue to learn its retention."""
    retention_seconds = backend.get_queue(queue_name).message_retention_period
    kept_until: float = message.sent_timestamp + retention_seconds * 1000
    now: float = unix_time_millis()
    return kept_until > now


# -- one call at a time changes a queue ------------------------------------------------------------


def _exclusive(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(backend: Any, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        lock = backend.get_queue(queue_name)._messages_lock
        with lock:
            answer = original(backend, queue_name, *args, **kwargs)
            # A message that was handed back is there for the polls that wait.
            lock.notify_all()
        return answer

    return call


def _waiting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Receive under the queue's lock, and wait without it, in short steps."""

    @functools.wraps(original)
    def receive(
        backend: Any, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **kw: Any
    ) -> Any:
        lock = backend.get_queue(queue_name)._messages_lock
        deadline = time.monotonic() + wait_seconds_timeout
        with lock:
            while True:
                found = original(backend, queue_name, count, 0, *args, **kw)
                left_seconds = deadline - time.monotonic()
                if found or left_seconds <= 0:
                    return found
                lock.wait(min(left_seconds, _LOOK_SECONDS))

    return receive
