"""The benchmark's tasks: nothing, and fifty milliseconds of waiting."""

import time

from celery import shared_task


@shared_task(name="bench.noop")
def noop() -> None:
    """Do nothing."""


@shared_task(name="bench.nap")
def nap(seconds: float) -> None:
    """Wait, as a task does that is waiting for something else."""
    time.sleep(seconds)
