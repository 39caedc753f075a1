"""Taking back from Celery what was given to it and has not begun. Runs on the event loop."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from worker.sqs.ledger import Held, State


def withdraw(pool: Any, held: Held) -> bool:
    """Keep a given message's task from beginning; False if it has begun, or is about to.

    Where it may be: waiting for its time or its rate limit inside Celery (its request then
    refuses to run), or waiting in the pool for a child that is on its way up, or for a thread.
    """
    if held.state is not State.GIVEN:
        return False
    request = held.request() if held.request is not None else None
    job = _job(request)
    if job is not None and not _unqueue(pool, job):
        return False
    held.withdrawn = True
    return True


def _job(request: Any) -> Any:
    reference = getattr(request, "_apply_result", None)
    return reference() if reference is not None else None


def _unqueue(pool: Any, job: Any) -> bool:
    """Remove a job that no child or thread has taken; False if one has."""
    if isinstance(job, Future):
        return job.cancel()
    waiting: Any = getattr(getattr(pool, "_pool", None), "outbound_buffer", ())
    if job not in waiting:
        return False
    waiting.remove(job)
    job.discard()
    return True
