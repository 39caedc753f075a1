"""Tasks with large arguments: each records the size and the hash of what it was given."""

from __future__ import annotations

import hashlib
import os
import signal
from typing import Any

from celery import Task, shared_task
from e2e_tasks import record


def digest(value: Any) -> str:
    """Return what a record says of an argument: its length and its hash."""
    return f"{len(value)} {hashlib.sha256(value.encode()).hexdigest()[:12]}"


@shared_task(bind=True, name="e2e.read")
def read(self: Task, key: str, text: str) -> str:
    """Record what came; return its length and hash."""
    seen = self.request.args[1]
    record(self, "start", key, text=digest(text), request=digest(seen))
    record(self, "end", key)
    return digest(text)


@shared_task(bind=True, name="e2e.read_again", max_retries=1)
def read_again(self: Task, key: str, text: str) -> None:
    """Retry once with the same arguments, then end."""
    record(self, "start", key, text=digest(text), retries=self.request.retries)
    if self.request.retries == 0:
        raise self.retry(countdown=0)
    record(self, "end", key)


@shared_task(bind=True, name="e2e.grow")
def grow(self: Task, key: str, length: int) -> str:
    """Return a text that zlib can do little with."""
    record(self, "start", key)
    record(self, "end", key)
    return noise(length)


@shared_task(bind=True, name="e2e.take")
def take(self: Task, text: str, key: str) -> str:
    """Record a text that the task before it returned."""
    record(self, "start", key, text=digest(text))
    record(self, "end", key)
    return digest(text)


@shared_task(bind=True, name="e2e.failed")
def failed(self: Task, *found: Any) -> None:
    """Record that an errback was called."""
    record(self, "start", "errback")
    record(self, "end", "errback")


@shared_task(bind=True, name="e2e.add")
def add(self: Task, x: int, y: int) -> int:
    """Add."""
    record(self, "start", f"add-{x}-{y}")
    record(self, "end", f"add-{x}-{y}")
    return x + y


@shared_task(bind=True, name="e2e.total")
def total(self: Task, numbers: list[int], key: str) -> int:
    """Add what the tasks of a chord returned."""
    record(self, "start", key, total=sum(numbers))
    record(self, "end", key)
    return sum(numbers)


def noise(length: int, seed: str = "") -> str:
    """Return a text of ``length`` characters that hardly compresses."""
    words = (hashlib.sha512(f"{seed}{n}".encode()).hexdigest() for n in range(length // 128 + 1))
    return "".join(words)[:length]


@shared_task(bind=True, name="e2e.die_once", retry_on_worker_lost=True)
def die_once(self: Task, key: str = "", text: str = "") -> None:
    """Kill the process that runs it, the first time it is received."""
    record(self, "start", key, text=digest(text))
    if self.request.delivery_info["receive_count"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    record(self, "end", key)
