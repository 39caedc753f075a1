"""Polling: threads that ask SQS for messages whenever, and only when, there is room for them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from worker.fleet import Queue
from worker.sqs.backoff import wait_seconds
from worker.sqs.client import ReceivedMessage, Sqs
from worker.sqs.errors import CALL_ERRORS, Trouble, describe, trouble
from worker.sqs.ledger import Ledger
from worker.sqs.poll import SHORT_WAIT_SECONDS, Load, grant

logger = logging.getLogger(__name__)

#: Polls open at once while the queue is deep. More than a few only split the same messages
#: over more requests.
MOST_POLLS: Final = 4


class Poller:
    """Opens polls while there is room, and gives what they bring to ``received``.

    Holds stop it: a poller with a reason on hold opens no poll. Open polls are always heard
    out, since hanging up on one hides the message that would have answered it.
    """

    def __init__(
        self,
        sqs: Sqs,
        queue_url: Callable[[], str],
        queue: Queue,
        *,
        ledger: Ledger,
        received: Callable[[Sequence[ReceivedMessage]], None],
        rng: Random,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._wait_seconds = int(queue.poll.total_seconds())
        self._lease_seconds = int(queue.lease.total_seconds())
        self._ledger = ledger
        self._received = received
        self._rng = rng
        self._threads: list[threading.Thread] = []
        self._ended = False
        self._retry_at = 0.0
        self._holds: set[str] = set()
        self._asked = 0
        self._deep = False
        self._failures = 0
        self.slots = 0
        self.ahead = 0
        self.open_polls = 0
        self.polls_total = 0
        self.errors_total = 0
        self.errors_by_kind = dict.fromkeys(Trouble, 0)
        #: monotonic seconds of the start, of the last answer that was no error, and of the last
        #: that was one
        self.started_at = time.monotonic()
        self.last_success: float | None = None
        self.last_failure: float | None = None
        self.last_error: str | None = None
        self.last_trouble: Trouble | None = None

    def start(self) -> None:
        """Start polling."""
        with self._ledger.changed:
            self.started_at = time.monotonic()
            self._add_thread()

    def stop(self) -> None:
        """Open no more polls and end the threads as theirs return."""
        with self._ledger.changed:
            self._ended = True
            self._ledger.changed.notify_all()

    def hold(self, reason: str) -> None:
        """Open no poll until ``reason`` is released."""
        with self._ledger.changed:
            self._holds.add(reason)

    def release(self, reason: str) -> None:
        """Take a reason to hold away."""
        with self._ledger.changed:
            self._holds.discard(reason)
            self._ledger.changed.notify_all()

    @property
    def held_by(self) -> frozenset[str]:
        """The reasons why no poll is opened."""
        return frozenset(self._holds)

    def _add_thread(self) -> None:
        name = f"fleet-poll-{len(self._threads)}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        while (asked := self._wait_for_room()) is not None:
            count, wait = asked
            try:
                self._poll(count, wait)
            finally:
                with self._ledger.changed:
                    self.open_polls -= 1
                    self._asked -= count

    def _wait_for_room(self) -> tuple[int, int] | None:
        """Wait until a poll is due; return the count to ask for and the seconds to wait."""
        with self._ledger.changed:
            while not self._ended:
                if (left := self._retry_at - time.monotonic()) > 0:
                    self._ledger.changed.wait(left)
                    continue
                count = 0 if self._holds else grant(self._load())
                if count:
                    short = self.open_polls or self.last_success is None
                    wait = SHORT_WAIT_SECONDS if short else self._wait_seconds
                    self.open_polls += 1
                    self._asked += count
                    self.polls_total += 1
                    if self._deep and self.open_polls == len(self._threads) < MOST_POLLS:
                        self._add_thread()
                    self._ledger.changed.notify()
                    return count, min(wait, self._wait_seconds)
                self._ledger.changed.wait()
            return None

    def _load(self) -> Load:
        return Load(
            slots=self.slots,
            ahead=self.ahead,
            occupied=self._ledger.occupied,
            buffered=self._ledger.buffered,
            asked=self._asked,
            polls=self.open_polls,
            deep=self._deep,
            most_polls=MOST_POLLS,
        )

    def _poll(self, count: int, wait: int) -> None:
        began = time.monotonic()
        try:
            messages = self._sqs.receive(
                self._queue_url(),
                count=count,
                wait_seconds=wait,
                visibility_seconds=self._lease_seconds,
            )
            took = time.monotonic() - began
            if messages:
                self._received(messages)
            elif took < wait / 2:
                # botocore takes an answer cut short for one without messages.
                raise ValueError(f"empty after {took:.3f} s of {wait} s: no answer of SQS's")
        except CALL_ERRORS as error:
            self._failed(error)
            return
        except Exception as error:
            logger.exception("poll: unexpected failure")
            self._failed(error)
            return
        if self._failures:
            logger.warning("poll: receiving again after %d failures", self._failures)
        self._failures = 0
        self._deep = bool(messages)
        self.last_success = time.monotonic()

    def _failed(self, error: BaseException) -> None:
        with self._ledger.changed:
            self._failures += 1
            self._retry_at = time.monotonic() + wait_seconds(self._failures, self._rng)
        self.errors_total += 1
        self._deep = False
        self.last_failure = time.monotonic()
        self.last_error = describe(error)
        self.last_trouble = kind = trouble(error)
        self.errors_by_kind[kind] += 1
        if self._failures & (self._failures - 1) == 0:  # the 1st, 2nd, 4th, 8th ... in a row
            logger.warning("poll: failure %d, trying again: %s", self._failures, self.last_error)
        if kind is Trouble.CREDENTIALS:
            self._sqs.refresh()
