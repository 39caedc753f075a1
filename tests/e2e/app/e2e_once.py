"""Tasks whose effect happens once: a line in the record, event "effect"."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Task, shared_task
from e2e_tasks import record

from worker.once import NotNow, once


@shared_task(bind=True, name="e2e.send_once")
@once("send:{key}", ttl="1d", wait="30s")
def send_once(self: Task, key: str, seconds: float = 0.0) -> dict[str, Any]:
    """Have an effect, and say by which message."""
    record(self, "effect", key)
    time.sleep(seconds)
    return {"by": self.request.delivery_info["message_id"]}


@shared_task(bind=True, name="e2e.step_once")
def step_once(self: Task, key: str, shared: str, gate: str = "") -> None:
    """Have an effect as a step, under a key that may be another task's too; record its answer."""
    record(self, "start", key)
    answer = once(f"step:{shared}", ttl="1d", wait="30s").run(_effect, self, key, gate)
    record(self, "answer", key, answer=answer)
    record(self, "end", key)


@shared_task(
    bind=True,
    name="e2e.patient_once",
    autoretry_for=(NotNow,),
    retry_backoff=1,
    retry_backoff_max=1,
    retry_jitter=False,
    max_retries=60,
)
def patient_once(self: Task, key: str, shared: str, gate: str = "") -> None:
    """Come back later where another run is at it."""
    record(self, "start", key)
    answer = once(f"step:{shared}", ttl="1d", wait="0s").run(_effect, self, key, gate)
    record(self, "answer", key, answer=answer)
    record(self, "end", key)


@shared_task(bind=True, name="e2e.fail_once", max_retries=3)
@once("fail:{key}", ttl="1d")
def fail_once(self: Task, key: str) -> str:
    """Fail before the effect, twice, and let Celery try again."""
    record(self, "start", key)
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    record(self, "effect", key)
    return "done"


@shared_task(bind=True, name="e2e.limited_once", soft_time_limit=2)
@once("limited:{key}", ttl="1d")
def limited_once(self: Task, key: str) -> None:
    """Have an effect under a soft time limit."""
    record(self, "effect", key)


@shared_task(bind=True, name="e2e.die_once")
@once("die:{key}", ttl="1d")
def die_once(self: Task, key: str, gate: str) -> None:
    """Die before the effect, the first time."""
    record(self, "start", key)
    if not Path(gate).exists():
        Path(gate).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    record(self, "effect", key)


def _effect(task: Task, key: str, gate: str) -> str:
    record(task, "effect", key)
    while gate and not Path(gate).exists():
        time.sleep(0.02)
    return key
