"""What a tick teaches of a queue's arrivals: their history, whether it forecasts, their bursts."""

from __future__ import annotations

from ops.scaling.burst import exposed_seconds
from ops.scaling.forecast import due
from ops.scaling.memory import Memory
from ops.scaling.model import QueueSnapshot
from ops.scaling.settings import Settings


def learn_arrivals(
    snapshot: QueueSnapshot,
    settings: Settings,
    memory: Memory,
    arrived: int | None,
    ahead_seconds: float,
) -> None:
    """Keep what arrived since the last tick, None where that is not known.

    `ahead_seconds` is from a tick's seeing a task to the first receive of a node launched for it.
    Only what the queue's settings make use of is kept up: arrivals always, since their history
    cannot be made up for later.
    """
    now, since = snapshot.now, snapshot.watched_since
    memory.history = memory.history.add(now, arrived, since)
    if not reacts_too_late(settings, ahead_seconds):
        return
    service = memory.durations.seconds
    if settings.headroom == "auto" and settings.start_within_seconds is not None:
        memory.bursts = memory.bursts.add(now, arrived, service, since)
    if settings.predict == "auto" and due(memory.verdict, now):
        memory.verdict = memory.forecaster.evaluate(
            memory.history, now, ahead_seconds, service, memory.verdict
        )


def reacts_too_late(settings: Settings, ahead_seconds: float) -> bool:
    """Return whether a node that is launched for a task may come too late for it.

    Without a promise every wait counts as late: `depth` wants each task to start at once.
    """
    promise = settings.start_within_seconds
    if promise is None or "age" not in settings.policies:
        return True
    return exposed_seconds(ahead_seconds, promise, 0.0) > 0
