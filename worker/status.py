"""What a worker says of itself."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from worker.drain import Plan
    from worker.health import Health
    from worker.lately import Lately
    from worker.sqs.engine import Engine

#: The release a node runs, set by the unit that starts its worker.
RELEASE_VARIABLE: Final = "FLEET_RELEASE"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which worker it is."""

    fleet: str
    queue: str
    pool: str
    release: str | None = None

    @classmethod
    def here(cls, fleet: str, queue: str, pool: str, env: Mapping[str, str] = os.environ) -> Self:
        """Return this process's, of the release that its environment names."""
        return cls(fleet, queue, pool, env.get(RELEASE_VARIABLE))


def status(
    identity: Identity,
    plan: Plan,
    engine: Engine | None,
    health: Health,
    *,
    metrics: str | None,
    lately: Lately,
) -> dict[str, Any]:
    """Return a worker's state as JSON-ready data; ages and times are in seconds.

    ``phase`` is ``starting`` until the worker consumes. ``last_poll_age_seconds`` counts from
    the last answer that was no error, and is None before the first. ``metrics`` is where it
    answers for its metrics and health, ``host:port``. ``held``, ``open_polls``, ``holding`` and the
    counts beside them are of one moment: where nothing is held or polled for while ``holding`` is
    not empty, nothing comes.
    """
    now = time.monotonic()
    common = {
        "fleet": identity.fleet,
        "queue": identity.queue,
        "pool": identity.pool,
        "pid": os.getpid(),
        "release": identity.release,
        "metrics": metrics,
        "healthy": health.well,
        "ailments": health.reasons,
        "restart_helps": health.restart_helps,
        "phase": str(plan.phase),
        "reason": plan.reason,
        "deadline_in_seconds": _rounded(plan.deadline - now) if plan.deadline else None,
        "spot": plan.spot,
        **lately.status(),
    }
    if engine is None:
        return {**common, "phase": "starting" if plan.phase == "running" else str(plan.phase)}
    poller = engine.poller
    with engine.ledger.changed:  # polls open, and messages come in and move on, under this lock
        standing = {
            "slots": poller.slots,
            "busy": engine.ledger.occupied,
            "buffered": engine.ledger.buffered,
            "held": len(engine.ledger.held()),
            "open_polls": poller.open_polls,
            "holding": sorted(poller.held_by),
        }
    return {
        **common,
        **standing,
        "unacknowledged": engine.acks.backlog,
        "last_poll_age_seconds": (
            None if poller.last_success is None else _rounded(now - poller.last_success)
        ),
        "polls": poller.polls_total,
        "poll_errors": poller.errors_total,
        "last_poll_error": poller.last_error,
        "last_poll_error_age_seconds": (
            None if poller.last_failure is None else _rounded(now - poller.last_failure)
        ),
        "leases_renewed": engine.heartbeat.renewed_total,
        "leases_lost": engine.leases_lost_total + engine.acks.stale_total,
        "tasks": [
            {
                "task": one.task,
                "id": one.task_id,
                "age_seconds": _rounded(now - one.started_at),
                "waited_seconds": _rounded(
                    time.time() - (now - one.started_at) - one.due_at_epoch_seconds
                ),
                "receives": one.receives,
                "lease_lost": one.lease.lost,
            }
            for one in engine.ledger.occupying()
            if one.started_at is not None
        ],
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
