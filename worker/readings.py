"""What a worker's metrics page shows of what is counted anyway."""

from __future__ import annotations

from worker import metrics_table as table
from worker.drain import Phase, Plan
from worker.health import Health
from worker.metrics import Values
from worker.metrics_table import Metric
from worker.sqs.engine import Engine
from worker.sqs.ledger import State
from worker.status import Identity

#: Being given back: its lease is let go.
_HELD = frozenset(State) - {State.RETURNING}


def readings(
    identity: Identity, plan: Plan, health: Health, *, is_ready: bool
) -> dict[Metric, Values]:
    """Return what every worker shows, also one that does not consume yet."""
    queue = (identity.queue,)
    release = "" if identity.release is None else identity.release
    return {
        table.WORKER: {(identity.fleet, *queue, identity.pool, release): 1.0},
        table.PHASE: {(*queue, phase): float(phase is plan.phase) for phase in Phase},
        table.HEALTHY: {queue: float(health.well)},
        table.READY: {queue: float(is_ready)},
    }


def engine_readings(engine: Engine, now: float) -> dict[Metric, Values]:
    """Return what a worker that consumes shows, at monotonic seconds ``now``."""
    poller, ledger = engine.poller, engine.ledger
    queue = (engine.queue.name,)
    busy = ledger.occupied
    since = poller.started_at if poller.last_success is None else poller.last_success
    return {
        table.POLLS: {queue: poller.polls_total},
        table.POLLS_OPEN: {queue: poller.open_polls},
        table.POLL_ERRORS: {
            (*queue, kind.replace(" ", "_")): n for kind, n in poller.errors_by_kind.items()
        },
        table.POLL_AGE: {queue: max(0.0, now - since)},
        table.SLOTS: {
            (*queue, "busy"): busy,
            (*queue, "free"): max(0, poller.slots - busy),
        },
        table.BUFFERED: {queue: ledger.buffered},
        table.UNACKNOWLEDGED: {queue: engine.acks.backlog},
        table.LEASES_HELD: {queue: len(ledger.held(_HELD))},
        table.LEASES_RENEWED: {queue: engine.heartbeat.renewed_total},
        table.LEASES_LOST: {queue: engine.leases_lost_total + engine.acks.stale_total},
    }
