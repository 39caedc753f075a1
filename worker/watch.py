"""The watch: what a worker shows of itself, over HTTP, to systemd and to ``ops node status``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container
from typing import Final

from worker import metrics_page
from worker.address import Address, listen
from worker.drain import Phase, Plan
from worker.endpoint import Answer, Endpoint, as_json
from worker.health import Consuming, Health, Vitals, judge, ready, started
from worker.metrics import Metrics, Values
from worker.metrics_table import Metric
from worker.notify import Supervisor
from worker.readings import engine_readings, readings
from worker.sqs import lease as leases
from worker.sqs.engine import Engine
from worker.status import Identity

logger = logging.getLogger(__name__)

#: How often the event loop is asked for a sign of life. It answers on a thread that may be
#: asleep, so not more often than is of use.
ASK_LOOP_SECONDS: Final = 5.0


class Watch:
    """Looks at one worker. ``state`` returns its plan and, once it consumes, its engine."""

    def __init__(
        self,
        identity: Identity,
        known_tasks: Container[str],
        state: Callable[[], tuple[Plan, Engine | None]],
        supervisor: Supervisor | None,
    ) -> None:
        self._identity = identity
        self._state = state
        self._supervisor = supervisor
        self._started_at = time.monotonic()
        #: monotonic seconds of the last time the warden got through all it has to do
        self.beat = self._started_at
        self._listening_since: float | None = None
        self._loop_asked_at = float("-inf")
        self._loop_answered = True
        self._endpoint: Endpoint | None = None
        self.metrics = Metrics(identity.queue, known_tasks, self._read)

    # -- the warden's thread ----------------------------------------------------------------------

    @property
    def tick_seconds(self) -> float | None:
        """How often to look, where something depends on it."""
        return None if self._supervisor is None else self._supervisor.tick_seconds

    def look(self, now: float) -> None:
        """Look at what only time shows, and tell systemd how the worker is."""
        plan, engine = self._state()
        if engine is not None:
            self._look_at(engine, now)
        if self._supervisor is None:
            return
        vitals = self._vitals(plan, engine)
        health = judge(vitals, now)
        self._supervisor.tell(
            now,
            plan,
            ready=started(vitals),
            fit=not health.restart_helps,
            status=_sentence(plan, engine, health),
        )

    @property
    def starting(self) -> bool:
        """Whether systemd waits for the worker's start."""
        return self._supervisor is not None and not self._supervisor.ready

    def _look_at(self, engine: Engine, now: float) -> None:
        poller = engine.poller
        if poller.held_by or engine.ledger.occupied >= poller.slots:
            self._listening_since = None
        elif self._listening_since is None:
            self._listening_since = now
        if self._loop_answered and now - self._loop_asked_at >= ASK_LOOP_SECONDS:
            self._loop_asked_at, self._loop_answered = now, False
            engine.call_soon(self._answer)

    def _answer(self) -> None:
        self._loop_answered = True

    # -- any thread ------------------------------------------------------------------------------

    def listen(self, address: Address) -> None:
        """Open the endpoint; a worker without one works, and says so."""
        try:
            listener = listen(address)
        except OSError as error:
            logger.error(
                "metrics: expected to listen on %s, found %s: correct metrics in the manifest, or "
                "FLEET_METRICS",
                address,
                error.strerror or error,
            )
            return
        page = metrics_page.Page(self.metrics.registry)
        pages = {
            "/metrics": lambda: Answer(200, metrics_page.CONTENT_TYPE, page.write()),
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        self._endpoint = Endpoint(listener, pages)
        self._endpoint.start()
        logger.info("metrics and health: http://%s", self._endpoint.address)

    @property
    def address(self) -> str | None:
        """Where the endpoint listens, as ``host:port``."""
        return None if self._endpoint is None else self._endpoint.address

    def health(self) -> Health:
        """Return what is wrong with the worker now."""
        return judge(self._vitals(*self._state()), time.monotonic())

    def _vitals(self, plan: Plan, engine: Engine | None) -> Vitals:
        return Vitals(
            phase=plan.phase,
            pool=self._identity.pool,
            started_at=self._started_at,
            warden_beat=self.beat,
            consuming=None if engine is None else self._consuming(engine),
        )

    def _consuming(self, engine: Engine) -> Consuming:
        poller, heartbeat = engine.poller, engine.heartbeat
        return Consuming(
            poll_seconds=engine.queue.poll.total_seconds(),
            lease_period_seconds=leases.period_seconds(engine.queue.lease.total_seconds()),
            busy=engine.ledger.occupied > 0,
            listening_since=self._listening_since,
            polled=poller.polls_total > 0,
            last_poll=poller.last_success,
            poll_failed_at=poller.last_failure,
            poll_trouble=poller.last_trouble,
            leases_alive=heartbeat.is_alive(),
            leases_beat=heartbeat.last_beat,
            oldest_acknowledgement=engine.acks.oldest(),
            acknowledgement_failed_at=engine.acks.last_failure,
            loop_asked_at=None if self._loop_answered else self._loop_asked_at,
        )

    def _read(self) -> dict[Metric, Values]:
        plan, engine = self._state()
        vitals = self._vitals(plan, engine)
        now = time.monotonic()
        found = readings(self._identity, plan, judge(vitals, now), is_ready=ready(vitals))
        return found if engine is None else found | engine_readings(engine, now)

    def _healthz(self) -> Answer:
        plan, engine = self._state()
        health = judge(self._vitals(plan, engine), time.monotonic())
        said = {"healthy": health.well, "phase": str(plan.phase), "reasons": health.reasons}
        return as_json(200 if health.well else 503, said)

    def _readyz(self) -> Answer:
        plan, engine = self._state()
        is_ready = ready(self._vitals(plan, engine))
        return as_json(200 if is_ready else 503, {"ready": is_ready, "phase": str(plan.phase)})


def _sentence(plan: Plan, engine: Engine | None, health: Health) -> str:
    if not health.well:
        return f"unhealthy: {'; '.join(health.reasons)}"
    if engine is None:
        return "starting" if plan.phase is Phase.RUNNING else str(plan.phase)
    return f"{plan.phase}: {engine.ledger.occupied} of {engine.poller.slots} slots busy"
