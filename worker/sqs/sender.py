"""Many messages to SQS: batches sent side by side from threads, and what failed sent again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, Final, Generic, TypeAlias, TypeVar

from worker.sqs.backoff import wait_seconds
from worker.sqs.batches import BATCH, LIMIT_BYTES
from worker.sqs.client import Failed, Sqs
from worker.sqs.errors import Trouble, describe, trouble
from worker.sqs.outgoing import Outgoing

#: How many calls are under way at once: at 10 ms a call, room for 8,000 messages a second.
THREADS: Final = 8
#: How long a message is tried before it counts as not confirmed.
PATIENCE_SECONDS: Final = 60.0
#: What is left of that once the sender has been told to hurry.
HURRIED_SECONDS: Final = 5.0

#: What a message is known by.
_Key = TypeVar("_Key")
#: It, and what SQS is to have of the message beside its Id.
_Entry: TypeAlias = tuple[_Key, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[_Key]):
    """What became of some messages, by the keys they were offered under.

    ``unconfirmed`` ones may be in the queue or not: no answer said so, and no more attempts are
    made. ``error`` is why, and says that the next ones will fare no better.
    """

    sent: Sequence[_Key] = ()
    refused: Sequence[tuple[_Key, str]] = ()
    unconfirmed: Sequence[_Key] = ()
    error: Exception | None = None


class Unsent(Exception):
    """SQS answered, and would not take a message for as long as it was tried."""


class Sender(Generic[_Key]):
    """Sends what it is offered in batches of ten and 1 MiB, ``threads`` calls at a time.

    For one thread, which offers messages and asks for outcomes. What failed for a reason that may
    pass is sent again with back-off: after an answer that was lost on its way, SQS has a message
    twice. What SQS refuses as the sender's fault is given up.
    """

    def __init__(
        self,
        sqs: Sqs,
        url_of: Callable[[str], str],
        rng: Random,
        threads: int = THREADS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._sqs = sqs
        self._url_of = url_of
        self._rng = rng
        self._limit = threads
        self._patience_seconds = patience_seconds
        self._batches: dict[str, list[_Entry[_Key]]] = {}
        self._bytes: dict[str, int] = {}
        self._jobs: SimpleQueue[tuple[str, list[_Entry[_Key]]] | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome[_Key]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._hurry = threading.Condition()
        self._hurried = False
        #: messages offered whose outcome has not been given yet
        self.outstanding = 0
        #: those of them that wait for their batch to fill up
        self._waiting = 0

    @property
    def full(self) -> bool:
        """Whether so much is under way that outcomes should be awaited before the next offer."""
        return (
            self.outstanding >= 2 * BATCH * self._limit
            or self._jobs.qsize() >= self._limit  # batches of few large messages
        )

    @property
    def has_room(self) -> bool:
        """Whether, having been full, it should be offered more.

        Well below full: messages made while the senders run take the interpreter from them, and
        each turn costs more than it gains.
        """
        return self._jobs.qsize() == 0 and self.outstanding <= BATCH * self._limit // 2

    def offer(self, key: _Key, outgoing: Outgoing) -> None:
        """Take a message. Raises what looking up its queue raises."""
        url = self._url_of(outgoing.queue)
        batch = self._batches.setdefault(url, [])
        size = self._bytes.get(url, 0) + outgoing.size_bytes
        if batch and size > LIMIT_BYTES:
            self._submit(url)
            batch, size = self._batches.setdefault(url, []), outgoing.size_bytes
        batch.append((key, outgoing.entry))
        self._bytes[url] = size
        self.outstanding += 1
        self._waiting += 1
        if len(batch) == BATCH:
            self._submit(url)

    def flush(self) -> None:
        """Send what waits for a batch to fill up."""
        for url in list(self._batches):
            self._submit(url)

    def outcome(self, *, wait: bool) -> Outcome[_Key] | None:
        """Return the next outcome, waiting for it if asked to; None if there is none (yet)."""
        if wait and self._waiting == self.outstanding:
            self.flush()
        try:
            outcome = self._outcomes.get(block=wait and self.outstanding > 0)
        except Empty:
            return None
        self.outstanding -= len(outcome.sent) + len(outcome.refused) + len(outcome.unconfirmed)
        return outcome

    def hurry(self) -> None:
        """Give what is still unsent a few seconds more, and no longer.

        May be called by a signal's handler, also within a call of itself: a condition's lock is
        reentrant, an event's is not.
        """
        with self._hurry:
            self._hurried = True
            self._hurry.notify_all()

    def close(self) -> None:
        """Let the threads end once they have sent what they have; waits for none of them."""
        for _ in self._threads:
            self._jobs.put(None)

    def _submit(self, url: str) -> None:
        batch = self._batches.pop(url)
        self._bytes.pop(url)
        self._waiting -= len(batch)
        self._jobs.put((url, batch))
        if len(self._threads) < self._limit:
            # A daemon: who gives up waiting must be able to leave while a call hangs.
            thread = threading.Thread(target=self._run, name="sqs-sender", daemon=True)
            self._threads.append(thread)
            thread.start()

    # -- in the threads --------------------------------------------------------------------------

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._send(*job)

    def _send(self, url: str, batch: list[_Entry[_Key]]) -> None:
        began = time.monotonic()
        left, failures = batch, 0
        while True:
            error: Exception | None = None
            try:
                answer = self._sqs.send(url, [entry for _, entry in left])
            except Exception as caught:  # whatever it is: an outcome is waited for
                error, answer = caught, []
                kind = trouble(caught)
                if kind is Trouble.REFUSED:
                    return self._send_singly(url, left, caught)
                if kind in (Trouble.DENIED, Trouble.NO_QUEUE):
                    return self._outcomes.put(Outcome(unconfirmed=_keys(left), error=caught))
                if kind is Trouble.CREDENTIALS:
                    self._sqs.refresh()
            else:
                left = self._settle(left, answer)
                if not left:
                    return None
            failures += 1
            wait = wait_seconds(failures, self._rng)
            if time.monotonic() + wait - began > self._patience():
                return self._outcomes.put(
                    Outcome(unconfirmed=_keys(left), error=error or _refusal(answer))
                )
            if self._hurried:
                time.sleep(wait)
            else:
                with self._hurry:
                    self._hurry.wait_for(lambda: self._hurried, wait)

    def _patience(self) -> float:
        return HURRIED_SECONDS if self._hurried else self._patience_seconds

    def _settle(self, batch: list[_Entry[_Key]], answer: list[Failed]) -> list[_Entry[_Key]]:
        """Tell what SQS has and what it refused for good; return the rest."""
        failed = {int(failure["Id"]): failure for failure in answer}
        refused = [
            (batch[index][0], _said(failure))
            for index, failure in failed.items()
            if failure["SenderFault"]
        ]
        sent = [key for index, (key, _) in enumerate(batch) if index not in failed]
        if sent or refused:
            self._outcomes.put(Outcome(sent, refused))
        return [
            batch[index] for index, failure in sorted(failed.items()) if not failure["SenderFault"]
        ]

    def _send_singly(self, url: str, batch: list[_Entry[_Key]], error: Exception) -> None:
        """Find out which message a refused request was refused for."""
        if len(batch) > 1:
            for entry in batch:
                self._send(url, [entry])
        else:
            self._outcomes.put(Outcome(refused=[(batch[0][0], describe(error))]))


def _keys(batch: Sequence[_Entry[_Key]]) -> list[_Key]:
    return [key for key, _ in batch]


def _said(failure: Failed) -> str:
    return f"{failure['Code']}: {failure.get('Message', '')}".removesuffix(": ")


def _refusal(answer: list[Failed]) -> Exception:
    return Unsent(f"SQS took some messages of a batch and not others: {_said(answer[0])}")
