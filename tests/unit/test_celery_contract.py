"""What the worker builds on in Celery and billiard, run for real (``test_contracts`` pins it)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import pytest
from celery import Celery, _state
from celery.app import trace
from celery.app.defaults import DEFAULTS
from celery.worker.request import create_request_cls
from kombu import Connection
from kombu.transport import virtual

from tests.producers import make_app
from worker import pools, request
from worker.fleet import Fleet
from worker.outcomes import DONE, Outcome, Verdict
from worker.settings import celery_settings

REPOSITORY = Path(__file__).resolve().parents[2]


# -- settings and start-up -------------------------------------------------------------------


def test_every_setting_is_one_celery_knows() -> None:
    fleet = Fleet.model_validate({"name": "acme", "queues": {"mail": {"tasks": ["mail.*"]}}})
    unknown = set(celery_settings(fleet)) - set(DEFAULTS)
    assert unknown == set()


ORDER = """
import json, sys
from celery import Celery, signals
from celery.concurrency.solo import TaskPool
app = Celery("order", broker="memory://")
app.conf.imports = ()
order = []

def note(name):
    def receiver(sender, **told):
        order.append([name, sorted(told)])
        if name == "celeryd_init":
            told["conf"].worker_concurrency = 3
        if name == "worker_init":
            assert sender.concurrency == 3 and isinstance(sender.pool_cls, type | str)
            sender.pool_cls, sender.time_limit = TaskPool, 7.0
    return receiver

for name in ("worker_init", "celeryd_init", "import_modules"):
    getattr(signals, name).connect(note(name), weak=False)
worker = app.Worker(pool_cls="prefork", queues=["celery"], quiet=True)
print(json.dumps([order, worker.pool_cls.__module__, worker.time_limit]))
"""


def test_the_order_of_the_start_up_signals_and_what_they_may_change() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ORDER], capture_output=True, text=True, timeout=60, check=True
    )
    order, pool, limit = json.loads(ran.stdout.splitlines()[-1])
    assert [name for name, _ in order] == ["import_modules", "celeryd_init", "worker_init"]
    assert {"conf", "options"} <= set(order[1][1])
    assert (pool, limit) == ("celery.concurrency.solo", 7.0)


# -- a run's end always reaches the message ------------------------------------------------------


class Ends:
    """What Celery tells of one message: acknowledgements and rejections, as it calls them."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def ack(self, *_: Any) -> None:
        self.told.append("ack")

    def reject(self, *args: Any) -> None:
        self.told.append(f"reject {args[-1]}")


class Message(virtual.Message):
    """kombu's message with the verdict that the transport's own carries."""

    verdict: Verdict = DONE


def _returns() -> int:
    return 1


def _raises(error: BaseException) -> Any:
    def task() -> None:
        raise error

    return task


def _run(app: Celery, function: Any, pool: Any, **options: Any) -> tuple[Ends, Message]:
    """Run a function as a task in a pool, with a request of ours, to its end."""
    task = app.task(name="contract.task", acks_late=True, shared=False, **options)(function)
    task.__trace__ = trace.build_tracer(task.name, task, app=app)
    ends = Ends()
    with Connection("memory://") as connection:
        message = Message(
            {
                "body": "[[], {}, {}]",
                "content-type": "application/json",
                "content-encoding": "utf-8",
                "headers": {"task": task.name, "id": str(uuid.uuid4())},
                "properties": {"delivery_tag": 1, "delivery_info": {}},
            },
            channel=connection.channel(),
        )
        cls = create_request_cls(request.Request, task, pool, "host", None, app=app)
        made = cls(message, on_ack=ends.ack, on_reject=ends.reject, app=app, task=task, utc=True)
        made.execute_using_pool(pool)
        deadline = time.monotonic() + 20
        while not ends.told and time.monotonic() < deadline:
            time.sleep(0.005)
    return ends, message


@pytest.fixture
def app() -> Iterator[Celery]:
    """An app set up as a worker's is, and everything as it was afterwards."""
    default, current, localized = _state.default_app, _state._tls.current_app, [*trace._localized]
    made = make_app()
    trace.setup_worker_optimizations(made, "host")
    yield made
    trace.reset_worker_optimizations(made)
    trace._localized[:] = localized
    _state.set_default_app(default)
    _state._set_current_app(current)


@pytest.fixture(params=[pools.ThreadPool, pools.SoloPool], ids=["threads", "solo"])
def pool(request: pytest.FixtureRequest) -> Any:
    made = request.param(1)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("function", "told", "outcome"),
    [
        (_returns, "ack", Outcome.DONE),
        (_raises(ValueError("no")), "ack", Outcome.FAILED),
        (_raises(SystemExit(3)), "reject True", Outcome.CHILD_DIED),
        (_raises(KeyboardInterrupt()), "reject True", Outcome.CHILD_DIED),
        (_raises(MemoryError()), "ack", Outcome.FAILED),
        (_raises(celery.exceptions.Ignore()), "ack", Outcome.IGNORED),
        (_raises(celery.exceptions.Reject("no", requeue=False)), "reject False", Outcome.REJECTED),
        (_raises(celery.exceptions.Reject("no", requeue=True)), "reject True", Outcome.REQUEUED),
    ],
    ids=["returns", "raises", "exits", "interrupts", "no memory", "ignores", "rejects", "requeues"],
)
def test_a_runs_end_is_told_once_with_its_verdict(
    app: Celery, pool: Any, function: Any, told: str, outcome: Outcome
) -> None:
    ends, message = _run(app, function, pool, reject_on_worker_lost=True)
    assert message.verdict.outcome is outcome
    assert ends.told == [told]
