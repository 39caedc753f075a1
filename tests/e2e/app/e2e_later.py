"""A task that a later release brings."""

from __future__ import annotations

from celery import Task, shared_task
from e2e_tasks import record


@shared_task(bind=True, name="e2e.later")
def later(self: Task, key: str) -> None:
    """Run."""
    record(self, "start", key)
    record(self, "end", key)
