"""The warden: a thread that takes signals and orders, and sees the worker through its end."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import threading
import time
from collections import deque
from typing import Any, Final

from celery import bootsteps, signals
from celery.platforms import EX_OK
from celery.worker.consumer.tasks import Tasks

from worker import control, drain, holds
from worker.children import gone
from worker.drain import Do, Order, Phase, Plan, Standing, Verb
from worker.ending import EX_LEFT, Ending
from worker.outcomes import Outcome, Reason, Verdict
from worker.pools import pool_name
from worker.sqs.engine import DRAINING, PAUSED, Engine
from worker.sqs.ledger import Held, State
from worker.sqs.transport import OPTION
from worker.status import Identity, status
from worker.watch import Watch

logger = logging.getLogger(__name__)

#: How often the warden looks while nothing happens, and while it drains.
TICK_SECONDS: Final = 1.0
DRAIN_TICK_SECONDS: Final = 0.05

#: Prefork children are ended by Celery at their limit; the warden does it when Celery does not.
PREFORK_GRACE_SECONDS: Final = 10.0


class Warden(threading.Thread):
    """Governs one worker: receives orders, steps through the plan, tends the engine."""

    def __init__(self, consumer: Any) -> None:
        super().__init__(name="fleet-warden", daemon=True)
        self._consumer = consumer
        self._transport = consumer.connection.transport
        self._identity = Identity.here(
            fleet=consumer.connection.transport_options[OPTION].name,
            queue=next(iter(consumer.app.amqp.queues.consume_from)),
            pool=pool_name(consumer.pool),
        )
        self.socket_path = control.socket_path(
            self._identity.fleet, self._identity.queue, os.getpid()
        )
        self._orders: deque[Order] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._interrupts = 0
        self._prefork = self._identity.pool == "prefork"
        self._ending = Ending(consumer, prefork=self._prefork, at_exit=self._remove_socket)
        self._lost: deque[Held] = deque()
        self.plan = self._first_plan()
        self.watch = Watch(
            self._identity,
            consumer.app.tasks,
            lambda: (self.plan, self.engine),
            consumer.controller.fleet_supervisor,
        )
        self._transport.observer = self.watch.metrics

    def _first_plan(self) -> Plan:
        reason = holds.held(f"{self._identity.fleet}-{self._identity.queue}")
        if reason is None:
            return Plan(since=time.monotonic())
        logger.warning("starting paused: %s", reason)
        self._transport.first_hold = PAUSED
        return Plan(Phase.PAUSED, reason, time.monotonic())

    # -- orders (any thread, signal handlers) ---------------------------------------------------

    def take_signals(self) -> None:
        """Take over the worker's signals; call from the main thread.

        The signal's number goes to a socket this thread reads, written by C code: Python's own
        handlers wait until the main thread runs bytecode, which under solo may be a task.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        # A child would write its own signals there: billiard's end by a SIGTERM to themselves
        # when they are replaced, and that is no order to this process.
        os.register_at_fork(after_in_child=_hear_no_signals)

    def order(self, order: Order) -> None:
        """Give an order; returns at once."""
        self._orders.append(order)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # then it has enough to wake up for
            self._writer.send(b"\0")

    def _signalled(self, number: int) -> None:
        name = signal.Signals(number).name
        if number == signal.SIGQUIT:
            self._orders.append(Order(Verb.HAND_BACK, name))
        elif number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts == 1:
                hint = f"{name} (a second one hands everything back now)"
                self._orders.append(Order(Verb.DRAIN, hint))
            else:
                self._orders.append(Order(Verb.HAND_BACK, f"a second {name}"))
        elif number in (signal.SIGTERM, signal.SIGHUP):
            if self.watch.starting and self.plan.phase is not Phase.DRAINING:
                # Its start took too long. Whoever stops a unit has it stay away in any case.
                self._ending.status = EX_LEFT
            self._orders.append(Order(Verb.DRAIN, name))

    # -- the loop --------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine | None:
        """The consumer's engine, once it consumes."""
        engine: Engine | None = self._transport.engine
        return engine

    def run(self) -> None:
        """Watch until the process ends."""
        selector = selectors.DefaultSelector()
        selector.register(self._reader, selectors.EVENT_READ)
        while True:
            if selector.select(self._wait_seconds()):
                for number in self._reader.recv(4096):
                    if number:
                        self._signalled(number)
            try:
                self._tick()
            except Exception:
                # The one who lets the worker go must not be lost to a defect.
                logger.exception("warden: a step failed")

    def _wait_seconds(self) -> float:
        if self.plan.phase is Phase.DRAINING:
            return DRAIN_TICK_SECONDS
        return min(TICK_SECONDS, self.watch.tick_seconds or TICK_SECONDS)

    def _tick(self) -> None:
        now = time.monotonic()
        while self._orders:
            self._obey(self._orders.popleft(), now)
        self.watch.look(now)
        engine = self.engine
        if engine is not None:
            if engine.on_lost_lease is None:
                engine.on_lost_lease = self._lease_lost
            self._end_lost(engine)
            self._end_overdue(engine, now)
            self._miss_children(engine)
        for do in drain.step(self.plan, self.standing(), now):
            self._do(do)
        if engine is not None:
            engine.tend(now)
        self.watch.beat = now

    def _obey(self, order: Order, now: float) -> None:
        engine = self.engine
        budget = engine.queue.drain_budget.total_seconds() if engine is not None else 0.0
        before = self.plan
        self.plan = drain.ordered(before, order, now, budget)
        if self.plan.spot and engine is not None:
            engine.under_spot_deadline()
        if self.plan != before:
            logger.warning("%s: %s%s", self.plan.phase, order.reason, self._left(now))
        if self.plan.phase is Phase.DRAINING and before.phase is not Phase.DRAINING:
            signals.worker_shutting_down.send(
                sender=self._consumer.hostname, sig=order.reason, how="Warm", exitcode=EX_OK
            )

    def _left(self, now: float) -> str:
        """Say how long a drain may last: an answer that nobody hears hides its messages."""
        if self.plan.deadline is None:
            return ""
        engine, tasks = self.engine, f", at most {self.plan.deadline - now:.0f} s"
        if engine is None or self.plan.spot or not engine.poller.open_polls:
            return tasks
        poll = engine.queue.poll.total_seconds()
        return f"{tasks}; an open poll is heard out, at most {poll:.0f} s"

    def standing(self) -> Standing:
        """Return what the worker holds now."""
        engine = self.engine
        if engine is None:
            return Standing(0, 0, 0, 0, 0)
        given = [held for held in engine.ledger.occupying() if held.state is State.GIVEN]
        return Standing(
            open_polls=engine.poller.open_polls,
            buffered=engine.ledger.buffered,
            unstarted=len(given),
            running=engine.ledger.occupied - len(given),
            backlog=engine.acks.backlog,
        )

    def _do(self, do: Do) -> None:
        engine = self.engine
        if do is Do.LEAVE:
            self.plan = Plan(Phase.LEAVING, self.plan.reason, time.monotonic())
            self._transport.closed = True
            self._ending.orderly(engine)
        elif engine is None:
            return
        elif do is Do.RECEIVE:
            engine.poller.release(PAUSED)
        elif do is Do.HOLD:
            engine.poller.hold(DRAINING if self.plan.phase is Phase.DRAINING else PAUSED)
            engine.hand_back_buffered()
        elif do is Do.WITHDRAW:
            self._ending.withdraw(engine)
        elif do is Do.CUT_OFF:
            self._ending.cut_off(engine, f"ended by the worker's drain ({self.plan.reason})")

    # -- tasks that must end --------------------------------------------------------------------

    def _lease_lost(self, held: Held) -> None:
        """End a task whose lease is gone, where the manifest says so. Any thread."""
        self._lost.append(held)
        self._wake()

    def _end_lost(self, engine: Engine) -> None:
        while self._lost:
            held = self._lost.popleft()
            if held.state is State.STARTED:
                logger.warning("ending %s[%s]: its lease is lost", held.task, held.task_id)
                self._ending.one(engine, held, Verdict(Outcome.LEASE_LOST))

    def _miss_children(self, engine: Engine) -> None:
        """Have Celery look after its children when one is gone: it would every five seconds."""
        running = engine.ledger.held((State.STARTED,))
        if self._prefork and any(held.pid is not None and gone(held.pid) for held in running):
            self._consumer.hub.call_soon(self._consumer.pool.maintain_pool)

    def _end_overdue(self, engine: Engine, now: float) -> None:
        grace = PREFORK_GRACE_SECONDS if self._prefork else 0.0
        for held in engine.overdue(now - grace):
            limit = f"ran longer than {held.time_limit_seconds:g} s"
            logger.error("ending %s[%s]: it %s", held.task, held.task_id, limit)
            verdict = Verdict(Outcome.TIMED_OUT, Reason("TimeLimitExceeded", limit))
            self._ending.one(engine, held, verdict)

    def close(self) -> None:
        """Leave nothing behind at the process's end, also where that was not ordered."""
        self._remove_socket()
        engine = self.engine
        if engine is None or self.plan.phase is Phase.LEAVING:
            return
        engine.poller.hold(DRAINING)
        engine.hand_back_buffered()
        engine.acks.flush(drain.FLUSH_SECONDS / 2)

    def _remove_socket(self) -> None:
        self.socket_path.unlink(missing_ok=True)

    def status(self) -> dict[str, Any]:
        """Return what ``ops node status`` shows."""
        watch = self.watch
        return status(
            self._identity,
            self.plan,
            self.engine,
            watch.health(),
            metrics=watch.address,
            lately=watch.metrics.lately,
        )


class WardenStep(bootsteps.StartStopStep):
    """Starts the warden before the consumer consumes."""

    requires = (Tasks,)
    warden: Warden | None = None

    def start(self, consumer: Any) -> None:
        """Start the warden and its socket, once in the life of a worker."""
        if self.warden is not None:
            return
        self.warden = Warden(consumer)
        self.warden.take_signals()
        self.warden.start()
        # Celery collects garbage before every fork, on the event loop. What has been loaded by
        # now stays to the end: taken out of the count, a collection is quick.
        gc.collect()
        gc.freeze()
        atexit.register(self.warden.close)
        self._serve(self.warden)
        self.warden.watch.listen(consumer.controller.fleet_address)

    def _serve(self, warden: Warden) -> None:
        """Open the control socket; a worker without one works, and says so."""
        try:
            control.ready_directory(warden.socket_path.parent)
            control.serve(warden.socket_path, warden.order, warden.status)
        except OSError as error:
            logger.error("no control socket: %s", error)
            return


def _hear_no_signals() -> None:
    with contextlib.suppress(ValueError):  # not the main thread, and so without handlers
        signal.set_wakeup_fd(-1)
