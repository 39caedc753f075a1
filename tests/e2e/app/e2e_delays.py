"""Tasks that come later, and one whose effect happens once."""

from __future__ import annotations

from celery import Task, shared_task
from e2e_tasks import record

from worker.once import once


@shared_task(bind=True, name="e2e.due")
def due(self: Task, key: str, due_at: float) -> None:
    """Record a run and when it was due."""
    record(self, "start", key, due_at=due_at, eta=self.request.eta)
    record(self, "end", key)


@shared_task(bind=True, name="e2e.effect")
def effect(self: Task, key: str, due_at: float) -> None:
    """Record a run, and within ``once`` an effect."""
    record(self, "start", key, due_at=due_at)
    once(f"effect:{key}", ttl="1d").run(record, self, "effect", key)
    record(self, "end", key)


@shared_task(bind=True, name="e2e.again", max_retries=1)
def again(self: Task, key: str, countdown: float) -> None:
    """Fail once and come again after ``countdown`` seconds."""
    record(self, "start", key, retries=self.request.retries)
    if self.request.retries == 0:
        raise self.retry(countdown=countdown, exc=RuntimeError("not yet"))
    record(self, "end", key)


@shared_task(bind=True, name="e2e.early_due", acks_late=False)
def early_due(self: Task, key: str, due_at: float) -> None:
    """As ``e2e.due``, acknowledged at its start."""
    record(self, "start", key, due_at=due_at, eta=self.request.eta)
    record(self, "end", key)
