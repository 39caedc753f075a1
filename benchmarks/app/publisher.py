"""A producer under measurement: publishes no-ops one way or another, and prints what it took.

``python publisher.py (delay|bulk|pair) COUNT CORE``: all on one core. ``pair`` takes turns with
stock Celery, in one process, and prints the figures of both.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable

from celery import Celery, Task
from stock_app import app as stock

from worker import publish

WARM_UP = 30
#: So many calls a turn: short against the drift of a machine, long against the clock.
TURN = 50


def _fleet() -> Celery:
    app = Celery("fleet")
    app.config_from_object("celeryconfig")
    return app


def _delay(task: Task, count: int) -> None:
    for _ in range(count):
        task.delay()


def _bulk(task: Task, count: int) -> None:
    publish.bulk(task, (() for _ in range(count)))


WAYS: dict[str, Callable[[Task, int], None]] = {"delay": _delay, "bulk": _bulk, "pair": _delay}


def main(way: str, count: str, core: str) -> None:
    """Publish, and print the figures as JSON."""
    os.sched_setaffinity(0, {int(core)})
    apps = [_fleet(), stock] if way == "pair" else [_fleet()]
    for app in apps:
        app.loader.import_default_modules()
    tasks = [app.tasks["bench.noop"] for app in apps]
    for task in tasks:
        WAYS[way](task, WARM_UP)
    took = [{"seconds": 0.0, "cpu_seconds": 0.0} for _ in tasks]
    turn = TURN if way == "pair" else int(count)
    for _ in range(int(count) // turn):
        for task, figures in zip(tasks, took, strict=True):
            began, used = time.perf_counter(), time.process_time()
            WAYS[way](task, turn)
            figures["seconds"] += time.perf_counter() - began
            figures["cpu_seconds"] += time.process_time() - used
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([{**figures, "peak_mb": peak_mb} for figures in took]))


if __name__ == "__main__":
    main(*sys.argv[1:])
