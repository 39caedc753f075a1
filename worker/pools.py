"""Celery's thread and solo pools, with a run's end always reported."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from billiard.einfo import ExceptionInfo
from celery.concurrency import solo, thread
from celery.exceptions import WorkerLostError, WorkerShutdown, WorkerTerminate


def run(
    target: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    callback: Callable[[Any], None] | None = None,
    accept_callback: Callable[[int, float], None] | None = None,
    error_callback: Callable[[Any], None] | None = None,
    **_: Any,
) -> None:
    """Run a task in this thread and report its end to exactly one of the callbacks.

    Celery's own loses what a task raises beyond ``Exception`` (``SystemExit``), and with it the
    message's end.
    """
    if accept_callback is not None:
        accept_callback(os.getpid(), time.monotonic())
    try:
        result = target(*args, **(kwargs or {}))
    except (WorkerShutdown, WorkerTerminate):
        raise
    except BaseException as error:
        try:
            raise WorkerLostError(repr(error)) from error
        except WorkerLostError:
            if error_callback is not None:
                error_callback(ExceptionInfo())
        return
    if callback is not None:
        callback(result)


class ThreadPool(thread.TaskPool):
    """Celery's thread pool on ``run``."""

    def on_apply(self, target: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Hand a task to a thread; return its future.

        Celery keeps a weak reference of what is returned, and the executor keeps the future for
        as long as it waits; Celery's own wrapper would be gone at once.
        """
        return self.executor.submit(run, target, args or (), kwargs, **options)


class SoloPool(solo.TaskPool):
    """Celery's solo pool on ``run``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_apply = run


def pool_name(pool: Any) -> str:
    """Return a running pool's name as the manifest writes it."""
    if isinstance(pool, thread.TaskPool):
        return "threads"
    return "solo" if isinstance(pool, solo.TaskPool) else "prefork"
