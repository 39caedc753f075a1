"""Taking back what was given to Celery and has not begun, from real pools."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

from worker.pools import SoloPool, ThreadPool
from worker.sqs import lease as leases
from worker.sqs.ledger import Held, State
from worker.withdrawal import withdraw

REPOSITORY = Path(__file__).resolve().parents[2]


class Request:
    """A request as far as a withdrawal looks at it: it knows its job in the pool, weakly."""

    def __init__(self, job: Any = None) -> None:
        self._apply_result = None if job is None else weakref.ref(job)


def _held(request: Request | None, state: State = State.GIVEN) -> Held:
    held = Held(
        tag=1,
        message={"MessageId": "m", "ReceiptHandle": "h", "Body": "", "Attributes": {}},
        lease=leases.opened("h", 0.0, 60),
        payload={},
        task="t",
        task_id="1",
        receives=1,
        sent_at_epoch_seconds=0.0,
        state=state,
    )
    if request is not None:
        held.request = weakref.ref(request)
    return held


def test_what_waits_inside_celery_is_withdrawn() -> None:
    request = Request()
    held = _held(request)
    assert withdraw(SoloPool(1), held)
    assert held.withdrawn


def test_what_has_no_request_yet_is_withdrawn() -> None:
    held = _held(None)
    assert withdraw(SoloPool(1), held)
    assert held.withdrawn


def test_what_has_begun_or_ended_is_not() -> None:
    for state in set(State) - {State.GIVEN}:
        held = _held(Request(), state)
        assert not withdraw(SoloPool(1), held)
        assert not held.withdrawn


def test_a_thread_pool_gives_back_what_no_thread_has_taken() -> None:
    pool = ThreadPool(1)
    pool.start()
    gate, began, ran = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        began.set()
        gate.wait(30)

    try:
        running = Request(pool.apply_async(block))
        # Celery keeps nothing of a job but this weak reference.
        waiting = Request(pool.apply_async(ran.set))
        assert began.wait(20)
        assert not withdraw(pool, _held(running))
        assert withdraw(pool, _held(waiting))
    finally:
        gate.set()
        pool.executor.shutdown(wait=True)
    assert not ran.is_set()


PREFORK = """
import json, sys, time, weakref
from celery.concurrency.prefork import TaskPool
from kombu.asynchronous.hub import Hub, set_event_loop
from tests.producers import make_app
from tests.unit.test_withdrawal import Request, _held
from worker.withdrawal import withdraw

def turn(until, seconds=20):
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        hub.run_once()

app = make_app()
hub = Hub()
set_event_loop(hub)
pool = TaskPool(1, app=app, threads=False, initargs=(app, "host"), forking_enable=True,
                putlocks=False, sched_strategy="fair")
pool.start()
pool.register_with_event_loop(hub)
accepted, results = [], []

def submit(name):
    return pool.apply_async(
        print, (name,), accept_callback=lambda pid, at: accepted.append(name),
        callback=lambda value: results.append(name), timeout=None, soft_timeout=None,
        correlation_id=name)

first = submit("first")
turn(lambda: results)
waiting, other = submit("waiting"), submit("other")
kept = Request(waiting), Request(other)
taken = withdraw(pool, _held(kept[0]))
turn(lambda: len(results) > 1)
begun = withdraw(pool, _held(kept[1]))
cached = waiting._job in pool._pool._cache
print(json.dumps([accepted, results, taken, begun, cached]))
sys.stdout.flush()
import os
pool._pool.terminate()
os._exit(0)
"""


def test_a_prefork_pool_gives_back_what_no_child_was_sent() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PREFORK],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    accepted, results, taken, begun, cached = json.loads(ran.stdout.splitlines()[-1])
    assert accepted == results == ["first", "other"]
    assert taken
    assert not begun
    assert not cached
