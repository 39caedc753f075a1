"""How tasks, and the worker itself, are brought to an end. Called by the warden's thread."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from celery.platforms import EX_OK
from celery.worker import state as celery_state

from worker.drain import FLUSH_SECONDS
from worker.outcomes import Outcome, Reason, Verdict
from worker.sqs.engine import DRAINING, Engine
from worker.sqs.ledger import Held, State
from worker.withdrawal import unqueue, withdraw

logger = logging.getLogger(__name__)

#: Celery's own shutdown, once nothing is held, gets this long before the process is left.
SHUTDOWN_SECONDS: Final = 15.0

#: A process that cannot end one task without the others leaves with this status, for its
#: supervisor to start another (EX_TEMPFAIL of sysexits.h). So does one that was ended in its start.
EX_LEFT: Final = 75


class Ending:
    """Ends of one worker. A prefork child can be killed; a thread only with its process."""

    def __init__(self, consumer: Any, *, prefork: bool, at_exit: Callable[[], None]) -> None:
        self._consumer = consumer
        self._prefork = prefork
        self._at_exit = at_exit
        self._cut = False
        #: with which a worker leaves that has drained
        self.status = EX_OK

    def withdraw(self, engine: Engine) -> None:
        """Take back from Celery what has not begun, on the event loop, and hand it back."""

        def take_back() -> None:
            for held in engine.ledger.held((State.GIVEN,)):
                if engine.spare(held) and withdraw(self._consumer.pool, held):
                    engine.settle(held, Verdict(Outcome.NOT_STARTED))

        self._consumer.hub.call_soon(take_back)

    def cut_off(self, engine: Engine, why: str) -> None:
        """End what still runs, and hand it back; without prefork that ends the process."""
        reason = Reason("CutOff", why)
        if not self._prefork:
            self._at_once(engine, reason, self.status)
        self._cut = True
        held = engine.ledger.occupying()
        unbegun = [one for one in held if one.state is State.GIVEN]
        self._consumer.hub.call_soon(lambda: [unqueue(self._consumer.pool, h) for h in unbegun])
        for one in held:
            one.withdrawn = True
            _kill(one)
        engine.cut_off(held, reason)
        for one in held:
            engine.ledger.free(one)
        logger.warning("cut off: %d tasks handed back", len(held))

    def one(self, engine: Engine, held: Held, verdict: Verdict) -> None:
        """End one task: its child, or where it has none, the process."""
        if not self._prefork:
            # Before the slot is free: a poll opened for it would be hung up on.
            engine.poller.hold(DRAINING)
        engine.settle(held, verdict)
        if self._prefork:
            _kill(held)
            return
        reason = Reason("CutOff", f"its worker left to end {held.task}[{held.task_id}]")
        self._at_once(engine, reason, EX_LEFT)

    def _at_once(self, engine: Engine, reason: Reason, status: int) -> None:
        """Leave a process whose tasks cannot be ended one by one: flush, hand back, exit."""
        engine.poller.hold(DRAINING)
        engine.hand_back_buffered()
        engine.acks.flush(FLUSH_SECONDS / 2)
        engine.cut_off(engine.ledger.held((State.GIVEN, State.STARTED)), reason)
        engine.acks.flush(FLUSH_SECONDS / 2)
        logger.warning("leaving with status %d: %s", status, reason.text)
        self._exit(status)

    def orderly(self, engine: Engine | None) -> None:
        """End the worker, once nothing is held: flush, and let Celery shut down."""
        if engine is not None:
            if not engine.acks.flush(FLUSH_SECONDS):
                logger.error("%d acknowledgements were not confirmed", engine.acks.backlog)
            engine.poller.stop()
            engine.heartbeat.stop()
            engine.acks.stop()
        if self._cut:
            # Celery would wait for the children that were killed, and report each as lost.
            self._exit(self.status)
        fallback = threading.Timer(SHUTDOWN_SECONDS, self._exit, (self.status,))
        fallback.daemon = True
        fallback.start()
        celery_state.should_stop = self.status
        self._consumer.hub.call_soon(_wake)

    def _exit(self, status: int) -> None:
        self._at_exit()
        logging.shutdown()
        os._exit(status)


def _kill(held: Held) -> None:
    if held.pid is not None and held.pid != os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(held.pid, signal.SIGKILL)


def _wake() -> None:
    """Have the event loop look round."""
