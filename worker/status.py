"""What a worker says of itself."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.drain import Plan
    from worker.sqs.engine import Engine

#: The release a node runs, set by the unit that starts its worker.
RELEASE_VARIABLE = "FLEET_RELEASE"


def status(
    plan: Plan, engine: Engine | None, *, fleet: str, queue: str, pool: str
) -> dict[str, Any]:
    """Return a worker's state as JSON-ready data; ages and times are in seconds.

    ``phase`` is ``starting`` until the worker consumes. ``last_poll_age_seconds`` counts from
    the last answer that was no error, and is None before the first.
    """
    now = time.monotonic()
    common = {
        "fleet": fleet,
        "queue": queue,
        "pool": pool,
        "pid": os.getpid(),
        "release": os.environ.get(RELEASE_VARIABLE),
        "phase": str(plan.phase),
        "reason": plan.reason,
        "deadline_in_seconds": _rounded(plan.deadline - now) if plan.deadline else None,
    }
    if engine is None:
        return {**common, "phase": "starting" if plan.phase == "running" else str(plan.phase)}
    held = engine.ledger.held()
    poller = engine.poller
    return {
        **common,
        "slots": poller.slots,
        "busy": engine.ledger.occupied,
        "buffered": engine.ledger.buffered,
        "held": len(held),
        "open_polls": poller.open_polls,
        "unacknowledged": engine.acks.backlog,
        "holding": sorted(poller.held_by),
        "last_poll_age_seconds": (
            None if poller.last_success is None else _rounded(now - poller.last_success)
        ),
        "polls": poller.polls_total,
        "poll_errors": poller.errors_total,
        "last_poll_error": poller.last_error,
        "leases_renewed": engine.heartbeat.renewed_total,
        "leases_lost": engine.leases_lost_total + engine.acks.stale_total,
        "tasks": [
            {
                "task": one.task,
                "id": one.task_id,
                "age_seconds": _rounded(now - one.started_at),
                "waited_seconds": _rounded(
                    time.time() - (now - one.started_at) - one.sent_at_epoch_seconds
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
