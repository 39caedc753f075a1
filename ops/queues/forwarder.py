"""The forwarder: receives what the delay queue shows, and has it moved on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Final

from ops.queues.forwarding import HOLD_SECONDS, LONGEST_POLL_SECONDS
from worker.sqs.backoff import wait_seconds
from worker.sqs.batches import BATCH
from worker.sqs.errors import CALL_ERRORS, Trouble, describe, trouble

if TYPE_CHECKING:
    from ops.queues.moves import Mover
    from worker.sqs.client import ReceivedMessage, Sqs

logger = logging.getLogger(__name__)

#: A poll beside the long one, and every poll of a pass: long enough to ask all of SQS's servers.
SHORT_POLL_SECONDS: Final = 1
#: One thread moves ten messages in three round trips; others help while answers are full.
MOST_THREADS: Final = 4
#: A pass gives up after so many failures in a row; a loop never does.
PASS_FAILURES: Final = 5
#: How long the messages in hand may take once the end is asked for.
FINISH_SECONDS: Final = 30.0


class Forwarder:
    """Moves messages on until stopped, or with ``once`` until the queue shows none.

    Any number of them may run on one queue: what one has received is hidden from the others, for
    longer than it takes. When idle it costs one long poll.
    """

    def __init__(
        self,
        sqs: Sqs,
        url: Callable[[], str],
        mover: Mover,
        *,
        rng: Random,
        once: bool = False,
        within_seconds: float | None = None,
    ) -> None:
        self._sqs = sqs
        self._url = url
        self._mover = mover
        self._rng = rng
        self._once = once
        self._until = None if within_seconds is None else time.monotonic() + within_seconds
        self._changed = threading.Condition()
        self._stopped = False
        self._threads = 0
        self._started = 0
        self._busy = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start."""
        with self._changed:
            self._add_thread()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until a pass is over; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._threads == 0, timeout_seconds)

    def stop(self) -> bool:
        """Receive no more, and wait for what is in hand; False if that took too long.

        An open poll is hung up on. What would have answered it is hidden for as long as after a
        forwarder's death, which the time kept in hand allows for.
        """
        with self._changed:
            self._stopped = True
            return self._changed.wait_for(lambda: self._busy == 0, FINISH_SECONDS)

    def _add_thread(self) -> None:
        name = f"fleet-forward-{self._started}"
        helps = self._threads > 0
        self._threads += 1
        self._started += 1
        threading.Thread(target=self._run, args=(helps,), name=name, daemon=True).start()

    def _run(self, helps: bool) -> None:
        try:
            self._work(helps)
        except Exception as error:
            logger.exception("forwarder: unexpected failure")
            self.error = error
        finally:
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _work(self, helps: bool) -> None:
        failures = 0
        while (wait := self._next_wait_seconds(helps)) is not None:
            began = time.monotonic()
            try:
                messages = self._receive(wait)
                if not messages and time.monotonic() - began < wait / 2:
                    # botocore takes an answer cut short for one without messages.
                    raise ValueError(f"empty before its {wait} s were over: no answer of SQS's")
            except CALL_ERRORS as error:
                failures += 1
                self._failed(error, failures)
                if helps:
                    return
                # A pass whose time is over before the next answer has failed as well.
                self.error = error if self._once else None
                if self._once and failures == PASS_FAILURES:
                    return
                self._pause(wait_seconds(failures, self._rng))
                continue
            if failures:
                failures, self.error = 0, None
            self._take(messages, began)
            if not messages and (helps or self._once):
                return

    def _next_wait_seconds(self, helps: bool) -> int | None:
        """Return how long the next poll waits; None to end."""
        with self._changed:
            if self._stopped:
                return None
        wait = SHORT_POLL_SECONDS if helps or self._once else LONGEST_POLL_SECONDS
        if self._until is None:
            return wait
        left = int(self._until - time.monotonic())
        return min(wait, left) if left > 0 else None

    def _receive(self, wait: int) -> Sequence[ReceivedMessage]:
        return self._sqs.receive(
            self._url(), count=BATCH, wait_seconds=wait, visibility_seconds=HOLD_SECONDS
        )

    def _take(self, messages: Sequence[ReceivedMessage], received_at: float) -> None:
        if not messages:
            return
        with self._changed:
            stopped = self._stopped
            self._busy += 1
            if len(messages) == BATCH and self._threads < MOST_THREADS and not stopped:
                self._add_thread()
        try:
            if stopped:
                self._mover.hand_back(messages)
            else:
                self._mover.move(messages, received_at)
        except Exception:
            # A defect must not end the thread that moves all else on.
            logger.exception("forwarder: %d messages could not be moved", len(messages))
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _failed(self, error: BaseException, failures: int) -> None:
        if failures & (failures - 1) == 0:  # the 1st, 2nd, 4th, 8th ... in a row
            logger.warning("receive: failure %d, trying again: %s", failures, describe(error))
        if trouble(error) is Trouble.CREDENTIALS:
            self._sqs.refresh()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)
