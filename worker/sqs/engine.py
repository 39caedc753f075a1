"""The engine of one consumer: polls, holds, renews and acknowledges one queue's messages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from worker.delays import TooFarAhead, check_due
from worker.fleet import Fleet, Queue
from worker.outcomes import (
    NOT_DUE,
    REPEATED,
    Broker,
    Outcome,
    Reason,
    Verdict,
    broker_action,
    hide_seconds,
)
from worker.sqs import lease as leases
from worker.sqs.acks import Acknowledgement, Acknowledger
from worker.sqs.client import ReceivedMessage, Sqs
from worker.sqs.deadletter import Copier
from worker.sqs.envelope import Envelope, decode
from worker.sqs.headers import Undecodable, due
from worker.sqs.heartbeat import Heartbeat
from worker.sqs.ledger import Held, Ledger, State
from worker.sqs.lookahead import STALE_SECONDS, LookAhead
from worker.sqs.observer import UNOBSERVED, Observer
from worker.sqs.poller import Poller
from worker.sqs.postpone import Postponer

logger = logging.getLogger(__name__)

DRAINING: Final = "draining"
PAUSED: Final = "paused"
ACKS_STUCK: Final = "acknowledgements are not getting through"


class Engine:
    """One queue's messages on this worker.

    ``deliver`` is called on the event loop with a message for which a slot is free;
    ``call_soon`` schedules a call there and may be used from any thread.
    """

    def __init__(
        self,
        fleet: Fleet,
        queue: Queue,
        sqs: Sqs,
        *,
        deliver: Callable[[Held, dict[str, Any]], None],
        call_soon: Callable[[Callable[[], None]], object],
        rng: Random,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.queue = queue
        self._observer = observer
        self.ledger = Ledger()
        self._sqs = sqs
        self._deliver = deliver
        #: have the event loop make a call, from any thread
        self.call_soon = call_soon
        self._pumping = False
        self._pump_scheduled = False
        self._loop_thread: int | None = None
        self._lease_seconds = queue.lease.total_seconds()
        self._ahead = LookAhead(queue.prefetch == "auto")
        self._spot = False
        self._payload_bucket = fleet.payload_bucket
        self.leases_lost_total = 0
        #: called with a message whose lease was lost, where the manifest ends its task
        self.on_lost_lease: Callable[[Held], None] | None = None

        def url() -> str:
            return sqs.queue_url(fleet.physical_name(queue.name))

        def dead_letter_url() -> str:
            return sqs.queue_url(fleet.dead_letter_name(queue.name))

        copier = Copier(sqs, queue.name, dead_letter_url)
        copies = {
            Broker.DEAD_LETTER: copier.copy,
            Broker.DELAY: Postponer(sqs, fleet, queue).copy,
        }
        self.acks = Acknowledger(sqs, url, copies, self.ledger, rng, observer=observer)
        self.heartbeat = Heartbeat(sqs, url, self.ledger, self._lease_seconds, self._lease_lost)
        self.poller = Poller(sqs, url, queue, ledger=self.ledger, received=self._received, rng=rng)

    def start(self, slots: int) -> None:
        """Start the threads and poll for ``slots`` slots."""
        self._sqs.prepare(int(self.queue.poll.total_seconds()))
        self.poller.slots = slots
        self.heartbeat.start()
        self.acks.start()
        self.poller.start()

    def resize(self, slots: int) -> None:
        """Change the number of slots."""
        with self.ledger.changed:
            self.poller.slots = slots
            self.poller.ahead = self._ahead.messages(slots)
            self.ledger.changed.notify_all()
        self._pump_soon()

    # -- receiving (polling threads) ---------------------------------------------------------

    def _received(self, messages: Sequence[ReceivedMessage]) -> None:
        now = time.monotonic()
        for message in messages:
            self._take_in(message, now)
        if self.poller.held_by & {DRAINING, PAUSED}:
            self.hand_back_buffered()
        self._pump_soon()

    def _take_in(self, message: ReceivedMessage, now: float) -> None:
        lease = leases.opened(message["ReceiptHandle"], now, self._lease_seconds)
        receives = int(message["Attributes"].get("ApproximateReceiveCount", "1"))
        known = self.ledger.find(message["MessageId"])
        # (One that is being handed back may be here again before SQS's answer to that is.)
        if known is not None and known.state is not State.RETURNING:
            # Its lease lapsed and it came back to us: the run under way goes on with this one.
            lease.ends_at = known.lease.ends_at
            known.lease, known.message, known.receives = lease, message, receives
            logger.warning("lease regained: %s[%s] came back", known.task, known.task_id)
            self._observer.received(known)
            return
        eta: float | None = None
        wrong: Exception | None = None
        try:
            envelope = decode(message["Body"], self._payload_bucket)
            eta = due(envelope.payload["headers"])
            check_due(eta, time.time())
        except Undecodable as error:
            envelope, wrong = Envelope("(undecodable)", message["MessageId"], {}), error
        except TooFarAhead as error:
            wrong = error
        held = self.ledger.admit(
            lambda tag: Held(
                tag=tag,
                message=message,
                lease=lease,
                payload=envelope.payload,
                task=envelope.task,
                task_id=envelope.task_id,
                receives=receives,
                sent_at_epoch_seconds=int(message["Attributes"].get("SentTimestamp", "0")) / 1000,
                eta_epoch_seconds=eta,
            )
        )
        self._observer.received(held)
        if self.ledger.was_finished(held.message_id):
            logger.warning("delivered again: %s[%s] is done", held.task, held.task_id)
            self._end(held, REPEATED)
        elif wrong is not None:
            reason = Reason(type(wrong).__name__, str(wrong))
            self._end(held, Verdict(Outcome.UNDECODABLE, reason))
        elif eta is not None and eta > time.time():
            self._end(held, NOT_DUE)
        else:
            # Celery would run one that is due through its timer, and take a slot more for it.
            held.payload["headers"]["eta"] = None
            self.ledger.buffer(held)

    # -- giving to Celery (event loop) -------------------------------------------------------

    def _pump_soon(self) -> None:
        if threading.get_ident() == self._loop_thread:
            # What the event loop schedules for itself waits for its next event, up to a second.
            self._pump()
        elif not self._pump_scheduled:
            self._pump_scheduled = True
            self.call_soon(self._pump)

    def _pump(self) -> None:
        self._loop_thread = threading.get_ident()
        self._pump_scheduled = False
        if self._pumping:  # called by a message's own end, from the loop below
            return
        self._pumping = True
        try:
            self._give_all()
        finally:
            self._pumping = False

    def _give_all(self) -> None:
        while (held := self.ledger.give(self.poller.slots)) is not None:
            payload, held.payload = held.payload, {}
            properties = payload["properties"]
            properties["delivery_tag"] = held.tag
            properties["delivery_info"].update(
                sent_timestamp=int(held.sent_at_epoch_seconds * 1000),
                receive_count=held.receives,
                message_id=held.message_id,
                # A retry goes where its message was, whatever queue it was first sent to.
                exchange="",
                routing_key=self.queue.name,
            )
            try:
                self._deliver(held, payload)
            except Exception as error:
                # Nothing on the wire may end the event loop.
                logger.exception("%s[%s] could not be taken", held.task, held.task_id)
                reason = Reason(type(error).__name__, str(error))
                self.settle(held, Verdict(Outcome.UNDECODABLE, reason))

    def started(
        self, held: Held, *, at: float, pid: int | None, time_limit_seconds: float | None
    ) -> None:
        """Record that a message's task runs since ``at`` (monotonic seconds), in ``pid``."""
        with self.ledger.changed:
            if held.state is not State.GIVEN:
                return
            held.state = State.STARTED
            held.started_at = at
            held.pid = pid
            held.time_limit_seconds = time_limit_seconds
            leases.limit(held.lease, at, time_limit_seconds)
        self._observer.started(held, at)

    # -- ending ------------------------------------------------------------------------------

    def settle(self, held: Held, verdict: Verdict) -> None:
        """End a message: free its slot at once, tell the broker behind it. Idempotent."""
        self._end(held, verdict)
        self._pump_soon()

    def delete_early(self, held: Held) -> None:
        """Delete a message whose task acknowledges at its start; it keeps its slot till its end."""
        if held.over:
            return
        held.state = State.ENDING
        self.acks.submit(Acknowledgement(held, Broker.DELETE))

    def finished(self, held: Held, verdict: Verdict) -> None:
        """Free the slot of a task that was acknowledged at its start."""
        if self.ledger.free(held):
            self._observer.ended(held, verdict)
        self._pump_soon()

    def _end(self, held: Held, verdict: Verdict) -> None:
        if not self.ledger.end(held):
            return
        self._observer.ended(held, verdict)
        if held.started_at is not None:
            self._ahead.ran(time.monotonic() - held.started_at)
            self.poller.ahead = self._ahead.messages(self.poller.slots)
        outcome = verdict.outcome
        action = broker_action(
            outcome,
            last_receive=held.receives >= self.queue.max_receives,
            on_failure=self.queue.on_failure,
            spot=self._spot,
        )
        if action is Broker.FORGET:
            self.ledger.drop(held, finished=False)
            return
        seconds = 0
        if action in (Broker.HAND_BACK, Broker.HIDE):
            held.state = State.RETURNING
        if action is Broker.HIDE:
            seconds = hide_seconds(lease_seconds=self._lease_seconds, receives=held.receives)
        reason = verdict.reason or Reason(outcome.name, str(outcome))
        self.acks.submit(Acknowledgement(held, action, seconds, reason))

    def _lease_lost(self, held: Held, why: str) -> None:
        self.leases_lost_total += 1
        logger.warning(
            "lease lost: %s[%s] %s, receive %d: %s",
            held.task,
            held.task_id,
            held.state.name.lower(),
            held.receives,
            why,
        )
        if held.state is State.BUFFERED:
            if self.ledger.take_back(lambda one: one is held):
                self._end(held, Verdict(Outcome.LEASE_LOST))
        elif self.queue.on_lost_lease == "end" and self.on_lost_lease is not None:
            self.on_lost_lease(held)

    # -- handing back ------------------------------------------------------------------------

    def spare(self, held: Held) -> bool:
        """Whether a message may be handed back: not on its last receive, but for a spot deadline.

        The receive after it would put it into the dead-letter queue unrun.
        """
        return self._spot or held.receives < self.queue.max_receives

    def hand_back_buffered(self, at_most: int | None = None) -> int:
        """Hand back what waits for a slot, youngest first; what may not be waits on and runs."""
        taken = self.ledger.take_back(self.spare, at_most)
        for held in taken:
            self._end(held, Verdict(Outcome.NOT_STARTED))
        return len(taken)

    def cut_off(self, helds: Sequence[Held], reason: Reason) -> None:
        """Hand back messages whose tasks were ended before their time."""
        for held in helds:
            self._end(held, Verdict(Outcome.CUT_OFF, reason))

    def under_spot_deadline(self) -> None:
        """From now on hand everything back, also on its last receive."""
        self._spot = True

    # -- tending (the warden, about once a second) ----------------------------------------------

    def tend(self, now: float) -> None:
        """Keep the look-ahead to its size, and stop receiving while nothing gets acknowledged."""
        if self.acks.stuck(now):
            self.poller.hold(ACKS_STUCK)
        else:
            self.poller.release(ACKS_STUCK)
        self._shrink_ahead(now)

    def _shrink_ahead(self, now: float) -> None:
        """Hand back look-ahead that tasks slower than those measured would let wait."""
        waiting = self.ledger.held((State.BUFFERED,))
        if not waiting or now - waiting[0].lease.received_at < STALE_SECONDS:
            return
        ages = [now - h.started_at for h in self.ledger.held((State.STARTED,)) if h.started_at]
        self.poller.ahead = self._ahead.messages(self.poller.slots, max(ages, default=0.0))
        excess = len(waiting) - self.poller.ahead
        if excess > 0:
            self.hand_back_buffered(excess)

    def overdue(self, now: float) -> list[Held]:
        """Return the messages whose tasks have run longer than their time limit."""
        return [
            held
            for held in self.ledger.occupying()  # also what is deleted already, and still runs
            if held.started_at is not None
            and held.time_limit_seconds is not None
            and now - held.started_at > held.time_limit_seconds
        ]
