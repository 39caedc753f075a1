"""One measured run: a server, a queue filled beforehand, one worker, counts over a window."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil

from tests.sqs import StrictSqsProcess
from tests.sqs.control import Control

APP = Path(__file__).parent / "app"
QUEUE = "bench-bench"
SLOTS = 4


@dataclass(frozen=True)
class Contestant:
    """A worker under measurement: ``stock`` or the fleet's, and its setting."""

    name: str
    stock: bool = False
    polling_interval: float | None = None
    prefetch: str = "1"


DEFAULT = Contestant("Celery, defaults", stock=True)
EAGER = Contestant("Celery, polling_interval=0", stock=True, polling_interval=0)
ONE = Contestant("fleet, prefetch = 1")
AUTO = Contestant('fleet, prefetch = "auto"', prefetch='"auto"')


@dataclass(frozen=True)
class Work:
    """What the queue is filled with, and the delay of every call."""

    name: str
    task: str
    args: tuple[Any, ...]
    delay_ms: float
    seconds: float
    deep: int


@dataclass(frozen=True)
class Measured:
    """What one run showed over its window."""

    rate: float  # tasks a second
    calls_a_task: float
    parent_rss_mb: float
    parent_cpu_percent: float


def measure(contestant: Contestant, work: Work) -> Measured:
    """Run one worker on a full queue and count, after it has warmed up, what is deleted."""
    with StrictSqsProcess("--delay-ms", "0") as server:
        control = Control(server.url)
        url = _fill(server.url, work)
        control.delay(work.delay_ms / 1000)
        with _worker(contestant, server.url, url) as process:
            parent = psutil.Process(process.pid)
            _await(lambda: control.counts(QUEUE).deleted >= 8, 60)
            time.sleep(1.5)
            calls, done, cpu, began = _sample(control, parent)
            time.sleep(work.seconds)
            calls_after, done_after, cpu_after, ended = _sample(control, parent)
            if control.counts(QUEUE).visible == 0:
                raise RuntimeError(f"{work.name}: the queue ran dry: fill it deeper")
            return Measured(
                rate=(done_after - done) / (ended - began),
                calls_a_task=(calls_after - calls) / max(1, done_after - done),
                parent_rss_mb=parent.memory_info().rss / 1e6,
                parent_cpu_percent=100 * (cpu_after - cpu) / (ended - began),
            )


def measure_idle(contestant: Contestant, seconds: float) -> tuple[float, float]:
    """Return an idle worker's processor use in percent of a core, and its calls a minute."""
    with StrictSqsProcess() as server:
        control = Control(server.url)
        url = _fill(server.url, Work("idle", "bench.noop", (), 0, 0, 8))
        with _worker(contestant, server.url, url) as process:
            family = psutil.Process(process.pid)
            _await(lambda: control.counts(QUEUE).deleted >= 8, 60)
            time.sleep(3)
            calls, cpu, began = control.calls().requests(), _cpu_of_all(family), time.monotonic()
            time.sleep(seconds)
            spent = time.monotonic() - began
            return (
                100 * (_cpu_of_all(family) - cpu) / spent,
                60 * (control.calls().requests() - calls) / spent,
            )


def _cpu_of_all(parent: psutil.Process) -> float:
    return sum(
        sum(process.cpu_times()[:2]) for process in (parent, *parent.children(recursive=True))
    )


def _sample(control: Control, parent: psutil.Process) -> tuple[int, int, float, float]:
    return (
        control.calls().requests(),
        control.counts(QUEUE).deleted,
        sum(parent.cpu_times()[:2]),
        time.monotonic(),
    )


def _fill(server_url: str, work: Work) -> str:
    client = boto3.client(
        "sqs",
        endpoint_url=server_url,
        region_name="eu-west-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )
    client.create_queue(QueueName=f"{QUEUE}-dlq")
    url = client.create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    for start in range(0, work.deep, 10):
        client.send_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(i), "MessageBody": message(work.task, work.args)}
                for i in range(min(10, work.deep - start))
            ],
        )
    return url


def message(task: str, args: tuple[Any, ...]) -> str:
    """Return a task message's body as Celery's producers write it to SQS."""
    task_id = str(uuid.uuid4())
    body = json.dumps(
        [list(args), {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    )
    envelope = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": task_id,
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": task_id,
            "parent_id": None,
            "argsrepr": repr(args),
            "kwargsrepr": "{}",
            "origin": "gen1@bench",
            "ignore_result": False,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": str(uuid.uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "bench"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    return base64.b64encode(json.dumps(envelope).encode()).decode()


@contextlib.contextmanager
def _worker(
    contestant: Contestant, server_url: str, queue_url: str
) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "fleet.toml"
        manifest.write_text(
            'name = "bench"\nregion = "eu-west-1"\nimports = ["bench_tasks"]\n'
            f'[queues.bench]\ntasks = ["bench.*"]\nconcurrency = {SLOTS}\n'
            f"prefetch = {contestant.prefetch}\n"
        )
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL_SQS": server_url,
            "FLEET_MANIFEST": str(manifest),
            "FLEET_RUNTIME_DIR": folder,
            "BENCH_QUEUE_URL": queue_url,
            "PYTHONPATH": str(APP),
            "PYTHONWARNINGS": "ignore",
        }
        command = [sys.executable, "-m", "celery"]
        if contestant.stock:
            command += ["-A", "stock_app", "worker", "-c", str(SLOTS), "-Q", "bench"]
            if contestant.polling_interval is not None:
                env["BENCH_POLLING_INTERVAL"] = str(contestant.polling_interval)
        else:
            command += ["worker", "-Q", "bench"]
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=env, cwd=APP, stdout=output, stderr=output, start_new_session=True
            )
            try:
                yield process
            except BaseException:
                print(log.read_text()[-3000:], file=sys.stderr)
                raise
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not begin")
        time.sleep(0.05)
