"""A fleet of one queue whose clocks a test turns: the SQS's, the workers' and the forwarders'."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from ops.local.aws import local_aws
from tests.e2e import turned
from tests.e2e.fleet import NAME, PATIENCE_SECONDS, QUEUE, Fleet, Worker, one_queue, wait_for
from tests.e2e.turned import Turned
from tests.sqs.control import Counts
from worker import control

DELAYED = f"{NAME}-delayed"
#: An AWS that refuses: for what must go on without DynamoDB.
NOBODY = "http://127.0.0.1:9"


@dataclass
class Later:
    """The fleet, its clock, and the URL of all of AWS but SQS."""

    fleet: Fleet
    clock: Turned
    aws_url: str
    _ended: set[str] = field(default_factory=set)
    _read_bytes: int = 0

    def turn(self, seconds: float) -> None:
        """Turn every clock forward; the processes' first, so that nothing seems late to them."""
        self.clock.turn(seconds)
        self.fleet.sqs.advance(seconds)

    def client(self, service: str) -> Any:
        """Return a client of the test's own."""
        return boto3.client(
            service,
            endpoint_url=self.aws_url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    # -- processes -----------------------------------------------------------------------------

    def _launch(self, module: str, *args: str, **env: str) -> Worker:
        return self.fleet.launch(
            turned.__file__,
            str(self.clock.path),
            module,
            *args,
            AWS_ENDPOINT_URL=self.aws_url,
            **env,
        )

    def worker(self, *flags: str, ready: bool = True) -> Worker:
        """Start a worker and wait until it polls."""
        worker = self._launch("celery", "worker", "-Q", QUEUE, *flags)
        if ready:
            wait_for(lambda: _polls(worker), "a worker that polls", worker)
        return worker

    def forwarder(self, *flags: str, ready: bool = True) -> Worker:
        """Start ``ops queues forward`` and wait until it moves on what becomes due."""
        forwarder = self._launch("ops", "queues", "forward", *flags)
        if ready:
            wait_for(lambda: "Ctrl-C ends it" in forwarder.log, "a forwarder", forwarder)
        return forwarder

    def ops(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run ``ops`` as an operator would, in the turned time."""
        return self._run(turned.__file__, str(self.clock.path), "ops", *args)

    def python(self, code: str) -> str:
        """Run a producer's code, with ``app`` and ``t`` (the tasks); return what it printed."""
        before = (
            "import datetime, json, sys\n"
            "from celery import Celery\n"
            "app = Celery('producer')\n"
            "app.config_from_object('celeryconfig')\n"
            "app.set_default()\n"
            "import e2e_delays as t, e2e_tasks\n"
        )
        script = self.fleet.folder / "produce.py"
        script.write_text(before + code)
        done = self._run(turned.__file__, str(self.clock.path), str(script))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "ignore", *command],
            env=self.fleet.env(AWS_ENDPOINT_URL=self.aws_url),
            cwd=self.fleet.folder,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE_SECONDS,
            check=False,
        )

    # -- publishing, and what became of it ------------------------------------------------------

    def publish(self, countdowns: dict[str, float], task: str = "due") -> dict[str, float]:
        """Send tasks by key, each due after its countdown; return when each is due."""
        now = self.clock.time()
        due = {key: now + seconds for key, seconds in countdowns.items()}
        (self.fleet.folder / "due.json").write_text(json.dumps(due))
        self.python(
            "due = json.load(open('due.json'))\n"
            "with app.producer_pool.acquire(block=True) as producer:\n"
            "    for key, at in due.items():\n"
            "        eta = datetime.datetime.fromtimestamp(at, datetime.UTC)\n"
            f"        t.{task}.apply_async((key, at), eta=eta, producer=producer)\n"
        )
        return due

    def records(self, event: str = "start") -> list[dict[str, Any]]:
        """Return what tasks recorded, as it was written."""
        path = self.fleet.runs_path
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def ended(self) -> set[str]:
        """Return the keys that were run to their end; reads only what is new."""
        if self.fleet.runs_path.exists():
            with self.fleet.runs_path.open("rb") as file:
                file.seek(self._read_bytes)
                for line in file:
                    self._read_bytes += len(line)
                    record = json.loads(line)
                    if record["event"] == "end":
                        self._ended.add(record["key"])
        return self._ended

    def waiting(self) -> Counts:
        """Count the delay queue's messages."""
        return self.fleet.sqs.counts(DELAYED)

    def early(self) -> list[dict[str, Any]]:
        """Return the runs that began before they were due."""
        return [run for run in self.records() if run["at"] < run.get("due_at", 0)]

    def settle(self, seconds: float = 1.0) -> None:
        """Wait until nothing that is shown is left lying; for so long at most."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if self.fleet.counts().visible == 0 and self.waiting().visible == 0:
                return
            time.sleep(0.01)

    def turn_until(
        self, done: Any, *, step_seconds: float = 120, at_most_seconds: float, pause: float = 0.05
    ) -> None:
        """Turn step by step, letting what becomes due go on, until ``done`` or so far."""
        left = at_most_seconds
        while not done():
            assert left > 0, f"not done after {at_most_seconds:.0f} s: {self.fleet.counts()}"
            self.turn(step_seconds)
            left -= step_seconds
            time.sleep(pause)
            self.settle()


def _polls(worker: Worker) -> bool:
    assert worker.alive(), worker.log
    try:
        return bool(worker.status().get("polls"))
    except control.Unreachable:
        return False


def end(process: Worker, number: signal.Signals) -> int:
    """Send a signal and return the exit status."""
    process.signal(number)
    return process.wait()


@contextlib.contextmanager
def later(folder: Path, *, aws: bool = True, **table: object) -> Iterator[Later]:
    """Run such a fleet; without ``aws`` there is no DynamoDB."""
    with contextlib.ExitStack() as stack:
        fleet = stack.enter_context(one_queue(folder, **{"lease": "1h", **table}))
        url = stack.enter_context(local_aws(folder, lambda: None)) if aws else NOBODY
        manifest = folder / "fleet.toml"
        text = manifest.read_text().replace('["e2e_tasks"]', '["e2e_tasks", "e2e_delays"]')
        manifest.write_text(text)
        made = Later(fleet, Turned(folder / "clock"), url)
        if aws:
            applied = made.ops("stores", "apply", "--yes")
            assert applied.returncode == 0, applied.stderr
        yield made
