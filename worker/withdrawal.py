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
    if not unqueue(pool, held):
        return False
    held.withdrawn = True
    return True


def unqueue(pool: Any, held: Held) -> bool:
    """Remove a message's job from the pool; False if a child or thread has taken it."""
    request = held.request() if held.request is not None else None
    reference = getattr(request, "_apply_result", None)
    job = reference() if reference is not None else None
    if job is None:  # not with the pool yet
        return True
    if isinstance(job, Future):
        return job.cancel()
    waiting: Any = getattr(getattr(pool, "_pool", None), "outbound_buffer", ())
    if job not in waiting:
        return False
    waiting.remove(job)
    job.discard()
    return True
