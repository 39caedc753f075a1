"""What metrics and health cost: `python -m benchmarks.metrics [--children 10000]`.

Two figures. The processor time a task costs in the parent: all that a worker calls to count one,
measured alone in a loop; and the health judgement and systemd's share, once a second, spread
over ten tasks a second. And a scrape: a real worker with fifty names of tasks, after as many
children as asked for have run one task each and died, asked over HTTP.
"""

from __future__ import annotations

import argparse
import statistics
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as parse

from benchmarks.app.bench_names import NAMES
from benchmarks.harness import message
from tests.e2e.fleet import Fleet, one_queue
from worker.drain import Phase
from worker.health import Consuming, Vitals, judge
from worker.metrics import Metrics
from worker.metrics_page import Page
from worker.outcomes import DONE
from worker.sqs.lease import opened
from worker.sqs.ledger import Held

ROUNDS = 20_000
TASKS_A_SECOND = 10
MOST_MICROSECONDS = 30.0
MOST_SCRAPE_MS = 30.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=1000, help="how many die before the scrape")
    children = parser.parse_args().children
    task, second = _cost_of_a_task(), _cost_of_a_second()
    together = task + second / TASKS_A_SECOND
    print(f"counting a task              {task:8.1f} µs")
    print(f"judging health, a second     {second:8.1f} µs")
    print(
        f"a task at {TASKS_A_SECOND} a second        {together:8.1f} µs (≤ {MOST_MICROSECONDS:g})"
    )
    page, _ = _page_of(Metrics("bench", NAMES, dict))
    print(f"writing the page             {page * 1000:8.1f} ms")
    took, lines, tasks, died = _scrape(children)
    print(f"a scrape over HTTP           {took * 1000:8.1f} ms (≤ {MOST_SCRAPE_MS:g})")
    print(f"  of {lines} lines and {tasks} names, after {died} children")


def _held(name: str) -> Held:
    return Held(
        tag=1,
        message={"MessageId": "m", "ReceiptHandle": "h", "Body": "", "Attributes": {}},
        lease=opened("h", 0.0, 60.0),
        payload={},
        task=name,
        task_id="id",
        receives=1,
        sent_at_epoch_seconds=time.time(),
    )


def _count(metrics: Metrics, held: Held) -> None:
    metrics.received(held)
    held.started_at = time.monotonic()
    metrics.started(held, held.started_at)
    metrics.ended(held, DONE)
    metrics.acknowledged(0.1)


def _cost_of_a_task() -> float:
    """Return the microseconds of processor time in all calls that count one task."""
    metrics = Metrics("bench", NAMES, dict)
    tasks = [_held(name) for name in NAMES]
    for held in tasks:
        _count(metrics, held)
    runs = []
    for _ in range(5):
        began = time.thread_time()
        for number in range(ROUNDS):
            _count(metrics, tasks[number % len(tasks)])
        runs.append((time.thread_time() - began) / ROUNDS)
    return statistics.median(runs) * 1e6


def _cost_of_a_second() -> float:
    """Return the microseconds of processor time in one judgement of a worker's health."""
    consuming = Consuming(20.0, 20.0, True, 0.0, 1.0, None, None, True, 1.0, 1.0, None, None)
    vitals = Vitals(Phase.RUNNING, "prefork", 0.0, 1.0, consuming)
    began = time.thread_time()
    for _ in range(ROUNDS):
        judge(vitals, 2.0)
    return (time.thread_time() - began) / ROUNDS * 1e6


def _page_of(metrics: Metrics) -> tuple[float, bytes]:
    """Return the seconds of processor time in writing a page of fifty names, and the page."""
    for name in NAMES:
        _count(metrics, _held(name))
    page = Page(metrics.registry)
    page.write()
    runs = []
    for _ in range(20):
        began = time.thread_time()
        written = page.write()
        runs.append(time.thread_time() - began)
    return statistics.median(runs), written


def _scrape(children: int) -> tuple[float, int, int, int]:
    """Return a scrape's seconds, the page's lines and names of tasks, and how many died before."""
    app = Path(__file__).parent / "app"
    with TemporaryDirectory() as folder, one_queue(Path(folder), max_tasks_per_child=1) as fleet:
        manifest = Path(folder) / "fleet.toml"
        text = manifest.read_text().replace("e2e_tasks", "bench_names").replace("e2e.*", "bench.*")
        manifest.write_text(text)
        worker = fleet.start(PYTHONPATH=f"{app}:{Path.cwd()}")
        sent = 0
        while (gone := fleet.counts().deleted) < children:
            if sent - gone < 200:  # enough to keep both slots busy
                fleet.send_bodies([message(name, ()) for name in NAMES])
                sent += len(NAMES)
            time.sleep(0.2)
        worker.order("pause")
        address = worker.status()["metrics"]
        runs = []
        for _ in range(20):
            began = time.perf_counter()
            page = _asked(address)
            runs.append(time.perf_counter() - began)
        return statistics.median(runs), page.count("\n"), len(_tasks(page)), _died(fleet)


def _asked(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        text: str = answer.read().decode()
        return text


def _tasks(page: str) -> set[Any]:
    return {s.labels.get("task") for f in parse(page) for s in f.samples} - {None}


def _died(fleet: Fleet) -> int:
    return fleet.counts().deleted


if __name__ == "__main__":
    main()
