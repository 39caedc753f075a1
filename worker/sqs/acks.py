"""Acknowledgements: threads that tell SQS how messages ended, in batches, behind the tasks."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from worker.outcomes import HIDE_AT_MOST_SECONDS, Broker, Reason
from worker.sqs.backoff import wait_seconds
from worker.sqs.batches import BATCH
from worker.sqs.client import Failed, Sqs
from worker.sqs.copies import Copied
from worker.sqs.errors import CALL_ERRORS, STALE_HANDLE, Trouble, describe, trouble
from worker.sqs.ledger import Held, Ledger
from worker.sqs.observer import UNOBSERVED, Observer

logger = logging.getLogger(__name__)

#: How long a delete waits for company. What is finished but not deleted when a worker is killed
#: runs again, so the wait is short against any task worth a queue.
LINGER_SECONDS: Final = 0.1
#: Acknowledgements older than this are not getting through: the worker stops receiving, since
#: what it finishes could not be recorded and would run again elsewhere.
STUCK_SECONDS: Final = 5.0
#: Copies messages with their reasons.
Copy = Callable[[Sequence[tuple[Held, Reason | None]]], Copied]

#: One thread deletes about ten messages a round trip; the others start when that is too slow.
MOST_THREADS: Final = 4


@dataclass(slots=True, eq=False)
class Acknowledgement:
    """What SQS is to be told of one message."""

    held: Held
    action: Broker
    seconds: int = 0  # visibility timeout, for HIDE
    reason: Reason | None = None
    queued_at: float = field(default_factory=time.monotonic)
    failures: int = 0
    not_before: float = 0.0

    def become(self, action: Broker, seconds: int = 0) -> None:
        """Go on to what follows once the first is done with."""
        self.action, self.seconds = action, seconds
        self.queued_at, self.failures = time.monotonic(), 0


class Acknowledger:
    """Sends acknowledgements until stopped; deletes ten at a time, all else at once.

    ``copies`` are the actions that delete a message once a copy of it has arrived elsewhere.
    What fails for a passing reason is tried again with backoff. What fails because the receipt
    handle is no longer the message's own is given up and logged: its lease was lost.
    """

    def __init__(
        self,
        sqs: Sqs,
        queue_url: Callable[[], str],
        copies: Mapping[Broker, Copy],
        ledger: Ledger,
        rng: Random,
        *,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._copies = copies
        self._ledger = ledger
        self._rng = rng
        self._observer = observer
        self._changed = threading.Condition()
        self._waiting: list[Acknowledgement] = []
        self._under_way: list[list[Acknowledgement]] = []
        self._idle = 0
        self._threads = 0
        self._flushing = False
        self._stopped = False
        self.stale_total = 0
        #: monotonic seconds of the last one that failed
        self.last_failure: float | None = None

    def start(self) -> None:
        """Start sending."""
        with self._changed:
            self._add_thread()

    def _add_thread(self) -> None:
        name = f"fleet-acks-{self._threads}"
        self._threads += 1
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, *acknowledgements: Acknowledgement) -> None:
        """Queue acknowledgements; returns at once."""
        with self._changed:
            was = len(self._waiting)
            self._waiting.extend(acknowledgements)
            # The thread wakes by itself when the oldest delete has lingered.
            if was == 0 or len(self._waiting) >= BATCH or self._urgent(acknowledgements):
                self._changed.notify_all()
            if (
                len(self._waiting) >= 2 * BATCH
                and self._idle == 0
                and 0 < self._threads < MOST_THREADS
            ):
                self._add_thread()

    @staticmethod
    def _urgent(acknowledgements: Sequence[Acknowledgement]) -> bool:
        return any(one.action is not Broker.DELETE for one in acknowledgements)

    def flush(self, timeout_seconds: float) -> bool:
        """Send everything now; wait until it is sent. False if time ran out before.

        What fails meanwhile is tried again with backoff, which starts anew.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            self._flushing = True
            for one in self._waiting:
                one.failures, one.not_before = 0, 0.0
            self._changed.notify_all()
            while self._waiting or self._under_way:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._flushing = False
            return not (self._waiting or self._under_way)

    def stop(self) -> None:
        """End the threads; what is not sent stays unsent, and its lease lapses."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def backlog(self) -> int:
        """How many acknowledgements SQS has not confirmed."""
        with self._changed:
            return len(self._waiting) + sum(map(len, self._under_way))

    def stuck(self, now: float) -> bool:
        """Whether the oldest acknowledgement has waited longer than ``STUCK_SECONDS``."""
        with self._changed:
            return any(now - one.queued_at > STUCK_SECONDS for one in self._waiting)

    def oldest(self) -> float | None:
        """Return since when (monotonic seconds) the oldest waits for its confirmation."""
        with self._changed:
            everything = itertools.chain(self._waiting, *self._under_way)
            return min((one.queued_at for one in everything), default=None)

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            try:
                again = self._send(batch)
            except Exception:
                # A defect here must not end the thread that records finished work.
                logger.exception("acks: %d acknowledgements failed", len(batch))
                again = self._later(batch)
            with self._changed:
                self._waiting.extend(again)
                self._under_way = [one for one in self._under_way if one is not batch]
                self._changed.notify_all()

    def _take(self) -> list[Acknowledgement] | None:
        """Wait for a batch that is worth sending; None when stopped."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                ready = [one for one in self._waiting if one.not_before <= now]
                batch = self._batch(ready, now)
                if batch:
                    chosen = set(map(id, batch))
                    self._waiting = [one for one in self._waiting if id(one) not in chosen]
                    self._under_way.append(batch)
                    return batch
                self._idle += 1
                self._changed.wait(self._until_next(now))
                self._idle -= 1
            return None

    def _batch(self, ready: Sequence[Acknowledgement], now: float) -> list[Acknowledgement]:
        for action in (Broker.HAND_BACK, Broker.HIDE, *self._copies):
            chosen = [one for one in ready if one.action is action][:BATCH]
            if chosen:
                return chosen
        deletes = [one for one in ready if one.action is Broker.DELETE]
        if len(deletes) >= BATCH or (
            deletes and (self._flushing or now - deletes[0].queued_at >= LINGER_SECONDS)
        ):
            return deletes[:BATCH]
        return []

    def _until_next(self, now: float) -> float | None:
        times = [max(one.queued_at + LINGER_SECONDS, one.not_before) for one in self._waiting]
        return max(0.001, min(times) - now) if times else None

    def _send(self, batch: list[Acknowledgement]) -> list[Acknowledgement]:
        """Send one batch of one action; return what is to be tried again."""
        action = batch[0].action
        try:
            if action in self._copies:
                return self._copy(batch)
            if action is Broker.DELETE:
                failed = self._sqs.delete(
                    self._queue_url(), [one.held.lease.handle for one in batch]
                )
            else:
                failed = self._sqs.change_visibility(
                    self._queue_url(), [(one.held.lease.handle, one.seconds) for one in batch]
                )
        except CALL_ERRORS as error:
            self._log_failure(action, len(batch), error)
            return self._later(batch)
        return self._settle(batch, failed)

    def _settle(
        self, batch: Sequence[Acknowledgement], failed: Sequence[Failed]
    ) -> list[Acknowledgement]:
        failures = {int(entry["Id"]): entry for entry in failed}
        again: list[Acknowledgement] = []
        now = time.monotonic()
        for index, one in enumerate(batch):
            failure = failures.get(index)
            if failure is None:
                self._ledger.drop(one.held, finished=one.action is Broker.DELETE)
                self._observer.acknowledged(now - one.queued_at)
            elif failure["SenderFault"] or failure["Code"] in STALE_HANDLE:
                self._give_up(one, failure["Code"])
            else:
                again.append(one)
        return self._later(again)

    def _give_up(self, one: Acknowledgement, code: str) -> None:
        self._ledger.drop(one.held, finished=one.action is Broker.DELETE)
        if one.action is not Broker.DELETE:
            return  # what was to be given back is back, if by its lease's end
        if not one.held.lease.lost:  # else it has been counted
            self.stale_total += 1
        logger.warning(
            "lease lost: %s[%s] ended after SQS had taken the message back (%s); it may run again",
            one.held.task,
            one.held.task_id,
            code,
        )

    def _copy(self, batch: list[Acknowledgement]) -> list[Acknowledgement]:
        action = batch[0].action
        copied = self._copies[action]([(one.held, one.reason) for one in batch])
        arrived, refused = set(map(id, copied.arrived)), set(map(id, copied.refused))
        for one in batch:
            if id(one.held) in arrived:
                one.become(Broker.DELETE)
            elif id(one.held) in refused:
                # Asked again and again it would hold up everything else of this worker. What is
                # received once too often SQS moves to the dead-letter queue itself.
                logger.error(
                    "acks: cannot %s %s[%s]: refused for good (%s): hidden for %d s",
                    action,
                    one.held.task,
                    one.held.task_id,
                    copied.error and describe(copied.error),
                    HIDE_AT_MOST_SECONDS,
                )
                one.become(Broker.HIDE, HIDE_AT_MOST_SECONDS)
        uncopied = [one for one in batch if one.action is action]
        if uncopied and copied.error is not None:
            self._log_failure(action, len(uncopied), copied.error)
        return [one for one in batch if one.action is not action] + self._later(uncopied)

    def _later(self, batch: Sequence[Acknowledgement]) -> list[Acknowledgement]:
        now = time.monotonic()
        if batch:
            self.last_failure = now
        for one in batch:
            one.failures += 1
            one.not_before = now + wait_seconds(one.failures, self._rng)
        return list(batch)

    def _log_failure(self, action: Broker, count: int, error: BaseException) -> None:
        logger.warning("acks: cannot %s %d, trying again: %s", action, count, describe(error))
        if trouble(error) is Trouble.CREDENTIALS:
            self._sqs.refresh()
