"""``python -m benchmarks.publish``: publishing in bulk, and one ``delay()``, beside stock Celery.

The server runs on one core, the producer on the other. Contestants take turns; ratios are between
the medians of one run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.__main__ import Aim
from benchmarks.harness import APP, QUEUE
from tests.sqs import StrictSqsProcess
from tests.sqs.callers import make_client
from tests.sqs.control import Control

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- publish: begin -->", "<!-- publish: end -->"

REPOSITORY = Path(__file__).parents[1]
SERVER_CORE, PRODUCER_CORE = 1, 0
#: How often the queue is emptied while a million goes in: SQS allows a purge a minute.
PURGE_SECONDS = 5.0


@dataclass(frozen=True)
class Took:
    """What one producer took for its tasks."""

    tasks: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return self.tasks / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Processor time a task."""
        return 1e6 * self.cpu_seconds / self.tasks


class Bench:
    """A server on a core of its own, and producers beside it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.control = Control(url)
        self._client = make_client(url)
        self.queue_url = self._client.create_queue(QueueName=QUEUE)["QueueUrl"]
        manifest = folder / "fleet.toml"
        manifest.write_text(
            'name = "bench"\nregion = "eu-west-1"\nimports = ["bench_tasks"]\n'
            '[queues.bench]\ntasks = ["bench.*"]\n'
        )
        self._env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL_SQS": url,
            "BENCH_QUEUE_URL": self.queue_url,
            "FLEET_MANIFEST": str(manifest),
            "PYTHONPATH": f"{APP}:{REPOSITORY}",
            "PYTHONWARNINGS": "ignore",
        }

    def publish(self, way: str, count: int, delay_ms: float = 0) -> list[Took]:
        """Run one producer on a core of its own: the fleet's, and for ``pair`` also stock's."""
        self.control.delay(delay_ms / 1000)
        ran = subprocess.run(
            [sys.executable, str(APP / "publisher.py"), way, str(count), str(PRODUCER_CORE)],
            env=self._env,
            cwd=APP,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [Took(count, **figures) for figures in json.loads(ran.stdout)]

    def empty(self) -> None:
        """Empty the queue."""
        self.control.advance(61)
        self._client.purge_queue(QueueUrl=self.queue_url)

    @contextlib.contextmanager
    def emptying(self) -> Iterator[None]:
        """Empty the queue again and again: a million messages would be the server's memory."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(PURGE_SECONDS):
                self.empty()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """Run a server and give what publishes to it."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE} & cores or cores)  # what is started here inherits it
    try:
        with tempfile.TemporaryDirectory() as folder, StrictSqsProcess("--delay-ms", "0") as server:
            yield Bench(server.url, Path(folder))
    finally:
        os.sched_setaffinity(0, cores)


#: What is measured: the way, how many, the delay of a call, and the names of what comes of it.
WORKS: tuple[tuple[str, int, float, tuple[str, ...]], ...] = (
    ("delay", 150, 10, ("delay() in a loop, 10 ms a call",)),
    ("bulk", 8000, 10, ("bulk, 10 ms a call",)),
    ("bulk", 15_000, 0, ("bulk, no delay",)),
    ("pair", 1000, 0, ("delay() in a loop, no delay", "stock Celery's, no delay")),
)
FEW, MANY = 100_000, 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """Measure everything; exit 1 if an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs a figure is the median of")
    parser.add_argument("--million", action="store_true", help="also the memory over a million")
    parser.add_argument("--write", action="store_true", help="keep the table in README.md")
    options = parser.parse_args(arguments)
    found: dict[str, list[Took]] = {}
    memory: list[float] = []
    with bench() as on:
        for run in range(options.runs):
            for way, count, delay_ms, names in WORKS:
                for name, took in zip(names, on.publish(way, count, delay_ms), strict=True):
                    found.setdefault(name, []).append(took)
                    print(
                        f"run {run + 1} of {options.runs}: {name}: {took.rate:.0f}/s, "
                        f"{took.cpu_microseconds:.0f} µs of processor a task",
                        file=sys.stderr,
                    )
                on.empty()
        if options.million:
            with on.emptying():
                memory = [on.publish("bulk", count)[0].peak_mb for count in (FEW, MANY)]
    text = _table(found, memory, options.runs)
    aims = _aims(found, memory)
    text += "".join(
        f"| {aim.text} | {_wanted(aim)} | {aim.found:.2f} | {'✓' if aim.met else '✗'} |\n"
        for aim in aims
    )
    print(text)
    if options.write:
        _write(text)
    return 0 if all(aim.met for aim in aims) else 1


def _median(took: list[Took], figure: str) -> float:
    return statistics.median(getattr(one, figure) for one in took)


def _aims(found: dict[str, list[Took]], memory: list[float]) -> list[Aim]:
    loop, bulk, fast, ours, stock = found.values()
    aims = [
        Aim(
            "bulk against delay() in a loop, 10 ms a call, times",
            _median(bulk, "rate") / _median(loop, "rate"),
            least=40,
        ),
        Aim("bulk on one core, no delay, tasks/s", _median(fast, "rate"), least=5000),
        # Both wait for the same server: what differs is the processor's time.
        Aim(
            "one delay() against stock Celery's, processor time, times",
            statistics.median(
                a.cpu_seconds / b.cpu_seconds for a, b in zip(ours, stock, strict=True)
            ),
            most=1,
        ),
    ]
    if memory:
        aims.append(
            Aim("memory over a million above that over 100,000, MB", memory[1] - memory[0], most=5)
        )
    return aims


def _table(found: dict[str, list[Took]], memory: list[float], runs: int) -> str:
    lines = [
        f"Medians of {runs} runs, Python {platform.python_version()}; the producer on one core, "
        "the SQS on the other.",
        "",
        "| work | tasks/s | processor a task, µs | memory, MB |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {_median(took, 'rate'):.0f} | {_median(took, 'cpu_microseconds'):.0f} "
        f"| {_median(took, 'peak_mb'):.0f} |"
        for name, took in found.items()
    ]
    lines += [
        f"| bulk of {count:,} | | | {peak:.0f} |"
        for count, peak in zip((FEW, MANY), memory, strict=False)
    ]
    return "\n".join([*lines, "", "| aim | wanted | measured | |", "|---|---:|---:|---|", ""])


def _wanted(aim: Aim) -> str:
    return f"≥ {aim.least:g}" if aim.least is not None else f"≤ {aim.most:g}"


def _write(table: str) -> None:
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n{table}{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
