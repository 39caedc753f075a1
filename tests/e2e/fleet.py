"""A fleet of one queue for a test: its SQS, its manifest, its workers and what they ran."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import psutil

from benchmarks.harness import message
from tests.sqs import StrictSqsProcess
from tests.sqs.control import Control, Counts, PeekedMessage
from worker import control

APP = Path(__file__).parent / "app"
REPOSITORY = Path(__file__).parents[2]
NAME = "e2e"
QUEUE = "work"

#: Generous: a loaded machine takes seconds to start a worker.
PATIENCE_SECONDS = 40.0


@dataclass(frozen=True)
class Run:
    """One run of a task, from the record it wrote."""

    key: str
    pid: int
    started_at: float  # epoch seconds
    ended_at: float | None
    receive_count: int | None
    ppid: int  # the worker's, under prefork
    task_id: str
    sent_timestamp: int | None  # milliseconds since the epoch


@dataclass
class Worker:
    """A worker process."""

    process: subprocess.Popen[bytes]
    log_path: Path
    socket_path: Path

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_path.read_text(errors="replace")

    def status(self) -> dict[str, Any]:
        """Its own account, through the control socket."""
        return control.ask(self.socket_path, {"verb": "status"})

    def order(self, verb: str, **options: Any) -> None:
        """Give it an order through the control socket."""
        answer = control.ask(self.socket_path, {"verb": verb, **options})
        assert answer["ok"], answer

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker's parent process alone."""
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end and return its exit status."""
        return self.process.wait(seconds)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


@dataclass
class Fleet:
    """One queue, its SQS and the folder of everything."""

    folder: Path
    server: StrictSqsProcess
    sqs: Control
    queue_table: Mapping[str, object]
    workers: list[Worker] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)

    # -- environment --------------------------------------------------------------------------

    @property
    def runs_path(self) -> Path:
        """Where tasks record their runs."""
        return self.folder / "runs.jsonl"

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of this fleet's processes."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FLEET_"))}
        return {
            **inherited,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL_SQS": self.server.url,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "FLEET_MANIFEST": str(self.folder / "fleet.toml"),
            "FLEET_RUNTIME_DIR": str(self.folder / "run"),
            "FLEET_METRICS": "127.0.0.1:0",
            "PYTHONPATH": f"{APP}:{REPOSITORY}",
            "PYTHONUNBUFFERED": "1",
            "E2E_RUNS": str(self.runs_path),
            **more,
        }

    @property
    def queue_name(self) -> str:
        """The queue's name on SQS."""
        return f"{NAME}-{QUEUE}"

    @property
    def queue_url(self) -> str:
        """The queue's URL."""
        return str(self.client.get_queue_url(QueueName=self.queue_name)["QueueUrl"])

    @property
    def client(self) -> Any:
        """Return a plain SQS client of the test's own."""
        return boto3.client(
            "sqs",
            endpoint_url=self.server.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    # -- what is in the queue -------------------------------------------------------------------

    def submit(self, task: str, *args: Any, count: int = 1) -> list[str]:
        """Send ``count`` tasks, each with a key of its own before ``args``; return the keys."""
        keys = [f"{task}-{len(self.submitted) + i}" for i in range(count)]
        self.submitted += keys
        self.send_bodies([message(task, (key, *args)) for key in keys])
        return keys

    def send_bodies(self, bodies: list[str]) -> None:
        """Send raw message bodies."""
        client = self.client
        url = client.get_queue_url(QueueName=self.queue_name)["QueueUrl"]
        for start in range(0, len(bodies), 10):
            answer = client.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(i), "MessageBody": body}
                    for i, body in enumerate(bodies[start : start + 10])
                ],
            )
            assert not answer.get("Failed"), answer

    def counts(self) -> Counts:
        """Count the queue's messages."""
        return self.sqs.counts(self.queue_name)

    def dead_letters(self) -> list[PeekedMessage]:
        """Return what lies in the dead-letter queue."""
        return self.sqs.peek(f"{self.queue_name}-dlq")

    def reasons(self) -> list[dict[str, Any]]:
        """Return the reasons of the dead letters."""
        return [
            json.loads(letter.attributes["fleet.reason"]["StringValue"])
            for letter in self.dead_letters()
        ]

    def empty(self) -> bool:
        """Whether nothing is left in the queue, in whatever state."""
        return self.counts().present == 0

    # -- what was run ----------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """Return every run begun so far, in the order of their starts."""
        if not self.runs_path.exists():
            return []
        # A line that is being written is none yet.
        whole, _, _ = self.runs_path.read_text().rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines()]
        ends = {
            (li["id"], li["pid"], li["receive_count"]): li["at"]
            for li in lines
            if li["event"] == "end"
        }
        return [
            Run(
                li["key"],
                li["pid"],
                li["at"],
                ends.get((li["id"], li["pid"], li["receive_count"])),
                li["receive_count"],
                li["ppid"],
                li["id"],
                li["sent_timestamp"],
            )
            for li in lines
            if li["event"] == "start"
        ]

    def run_counts(self) -> Counter[str]:
        """Count the runs of each key."""
        return Counter(run.key for run in self.runs())

    def finished(self) -> set[str]:
        """Return the keys that were run to their end at least once."""
        return {run.key for run in self.runs() if run.ended_at is not None}

    def programs(self) -> list[int]:
        """Return the process ids of the programs that ``e2e.program`` has started."""
        path = self.runs_path.with_suffix(".pids")
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    # -- processes ----------------------------------------------------------------------------

    def start(self, *flags: str, ready: bool = True, **env: str) -> Worker:
        """Start ``celery worker -Q work`` and wait until it polls."""
        worker = self.launch("-m", "celery", "worker", "-Q", QUEUE, *flags, **env)
        if ready:
            wait_for(lambda: self._polls(worker), "a worker that polls", worker)
        return worker

    def launch(self, *command: str, folder: Path | None = None, **env: str) -> Worker:
        """Start a worker by what follows ``python`` on its command line, in ``folder``."""
        log_path = self.folder / f"worker-{len(self.workers)}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", *command],
                env=self.env(**env),
                cwd=folder or self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        socket_path = self.folder / "run" / f"{NAME}-{QUEUE}-{process.pid}.sock"
        worker = Worker(process, log_path, socket_path)
        self.workers.append(worker)
        return worker

    def launch_stock(self, *flags: str, imports: str = "e2e_tasks", **env: str) -> Worker:
        """Start a worker of stock Celery and kombu on the queue, with the tasks of ``imports``."""
        return self.launch(
            *("-m", "celery", "-A", "e2e_stock", "worker", "-Q", QUEUE, *flags),
            E2E_QUEUE_URL=self.queue_url,
            E2E_STOCK_IMPORTS=imports,
            **env,
        )

    @staticmethod
    def _polls(worker: Worker) -> bool:
        if not worker.alive():
            raise AssertionError(f"the worker ended: {worker.log}")
        try:
            status = worker.status()
        except control.Unreachable:
            return False
        return bool(status.get("polls"))

    def start_every_pool(self, slots: int = 2, **env: str) -> dict[str, Worker]:
        """Start a worker of each pool on the queue, with ``slots`` slots but for solo."""
        started = {
            pool: self.start("-P", pool, "-c", str(slots), ready=False, **env)
            for pool in ("prefork", "threads", "solo")
        }
        for worker in started.values():
            wait_for(partial(self._polls, worker), "a worker that polls", worker)
        return started

    def ops(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run ``ops`` with ``args`` as an operator on this fleet's machine would."""
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "ops", *args],
            env=self.env(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def kill(self, worker: Worker) -> None:
        """SIGKILL a worker: its parent process alone, as the kernel's OOM killer does."""
        worker.process.kill()
        worker.process.wait()

    def stop_all(self) -> None:
        """End every process of every worker."""
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()


def ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody has reaped yet is."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(
    condition: Callable[[], Any],
    what: str,
    worker: Worker | None = None,
    seconds: float = PATIENCE_SECONDS,
) -> Any:
    """Wait until ``condition`` holds and return its value; fail by naming ``what`` was awaited."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            log = f"\n{worker.log[-4000:]}" if worker else ""
            raise AssertionError(f"waited {seconds:.0f} s for {what}{log}")
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def one_queue(folder: Path, *server_flags: str, **table: object) -> Iterator[Fleet]:
    """Run a fleet of one queue; ``table`` are its keys in the manifest, beside ``tasks``."""
    settings = {"concurrency": 2, "poll": "2s", "lease": "6s", "time_limit": "10m", **table}
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "fleet.toml").write_text(
        f'name = "{NAME}"\nregion = "eu-west-1"\nimports = ["e2e_tasks"]\n'
        f'[queues.{QUEUE}]\ntasks = ["e2e.*"]\n' + "\n".join(lines) + "\n"
    )
    with StrictSqsProcess(*server_flags) as server:
        fleet = Fleet(folder, server, Control(server.url), settings)
        subprocess.run(
            [sys.executable, "-m", "ops", "queues", "apply", "--yes"],
            env=fleet.env(),
            cwd=folder,
            check=True,
            capture_output=True,
        )
        try:
            yield fleet
        finally:
            fleet.stop_all()
