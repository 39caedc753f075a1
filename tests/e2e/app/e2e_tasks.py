"""Tasks that record every run: one line at the start, one at the end.

Lines are appended to the file that ``E2E_RUNS`` names, each in one write, so that a killed
process never leaves half of one.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from celery import Task, shared_task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

from worker.children import run


def record(task: Task, event: str, key: str, **more: Any) -> None:
    """Append one line about a run."""
    line = {
        "event": event,
        "key": key,
        "id": task.request.id,
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "at": time.time(),
        "receive_count": (task.request.delivery_info or {}).get("receive_count"),
        "sent_timestamp": (task.request.delivery_info or {}).get("sent_timestamp"),
        **more,
    }
    runs = os.open(os.environ["E2E_RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(runs, json.dumps(line).encode() + b"\n")
    finally:
        os.close(runs)


@shared_task(bind=True, name="e2e.nap")
def nap(self: Task, key: str, seconds: float = 0.0) -> None:
    """Wait in small steps, as Python code does that lets others run."""
    record(self, "start", key)
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
    record(self, "end", key)


@shared_task(bind=True, name="e2e.hold")
def hold(self: Task, key: str, until: str) -> None:
    """Wait for a file, two minutes at most."""
    record(self, "start", key)
    ends = time.monotonic() + 120
    while time.monotonic() < ends and not Path(until).exists():
        time.sleep(0.02)
    record(self, "end", key)


@shared_task(bind=True, name="e2e.spin")
def spin(self: Task, key: str, seconds: float) -> None:
    """Run in one C call that never lets go of the interpreter lock."""
    record(self, "start", key)
    usleep = ctypes.PyDLL(None).usleep  # PyDLL: the lock is kept during the call
    ends = time.monotonic() + seconds
    usleep(int((ends - time.monotonic()) * 1_000_000))
    record(self, "end", key)


@shared_task(bind=True, name="e2e.fail")
def fail(self: Task, key: str, text: str = "on purpose") -> None:
    """Raise."""
    record(self, "start", key)
    raise ValueError(text)


@shared_task(bind=True, name="e2e.retry", max_retries=2)
def retry(self: Task, key: str) -> None:
    """Fail until the retries are used up."""
    record(self, "start", key)
    raise self.retry(countdown=0, exc=RuntimeError("still failing"))


@shared_task(bind=True, name="e2e.die")
def die(self: Task, key: str, how: str = "kill") -> None:
    """End the process that runs it."""
    record(self, "start", key)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        sys.exit(3)
    if how == "memory":
        raise MemoryError("no more")
    if how == "interrupt":
        raise KeyboardInterrupt
    raise ValueError(how)


@shared_task(bind=True, name="e2e.early", acks_late=False)
def early(self: Task, key: str, seconds: float = 0.0) -> None:
    """Acknowledge at the start."""
    record(self, "start", key)
    time.sleep(seconds)
    record(self, "end", key)


@shared_task(bind=True, name="e2e.program")
def program(self: Task, key: str, seconds: float) -> None:
    """Wait in a program of its own, started as a task should."""
    record(self, "start", key)
    pids = Path(os.environ["E2E_RUNS"]).with_suffix(".pids")
    run(["/bin/sh", "-c", f"echo $$ >> {pids}; exec sleep {seconds}"])
    record(self, "end", key)


@shared_task(bind=True, name="e2e.judge")
def judge(self: Task, key: str, how: str) -> None:
    """End by one of the exceptions with which a task speaks to Celery."""
    record(self, "start", key)
    if how == "ignore":
        raise Ignore
    raise Reject("on purpose", requeue=how == "requeue")


@shared_task(bind=True, name="e2e.stubborn")
def stubborn(self: Task, key: str, seconds: float) -> None:
    """Go on after the soft time limit."""
    record(self, "start", key)
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        time.sleep(seconds)
    record(self, "end", key)
