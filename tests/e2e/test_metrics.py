"""The metrics page of real workers, scraped over HTTP and held against what was run."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.e2e.fleet import Fleet, Worker, one_queue, wait_for
from tests.e2e.watching import Series, get, open_sockets, scrape, value
from worker import metrics_table as table
from worker.metrics_table import Kind

OUTCOMES = table.TASK_OUTCOMES.name
FAILURES = table.TASK_FAILURES.name


def _total(workers: list[Worker]) -> dict[Series, float]:
    total: Counter[Series] = Counter()
    for worker in workers:
        total.update(scrape(worker))
    return dict(total)


def _settled(fleet: Fleet, workers: list[Worker]) -> None:
    wait_for(fleet.empty, "an empty queue", workers[0])
    # SQS has confirmed before the worker's own count has heard of it.
    wait_for(
        lambda: not value(_total(workers), table.UNACKNOWLEDGED.name), "confirmations", workers[0]
    )


def _as_the_table_says(worker: Worker) -> None:
    families = {family.name: family for family in parse(get(worker, "/metrics")[1])}
    expected = {m.name.removesuffix("_total"): m for m in table.TABLE}
    assert set(families) == set(expected)
    for name, metric in expected.items():
        assert (families[name].type, families[name].documentation) == (metric.kind, metric.help)
        for sample in families[name].samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), name
            if metric.kind is Kind.COUNTER:
                assert sample.name == metric.name


def test_what_every_pool_counts_is_what_ran(tmp_path: Path) -> None:
    """Workers of the three pools on one queue: the sums of their pages are what was run."""
    with one_queue(tmp_path, max_receives=4) as fleet:
        workers = list(fleet.start_every_pool(FLEET_RELEASE="r-7").values())
        fleet.submit("e2e.nap", 0.3, count=24)
        fleet.submit("e2e.fail", count=4)
        fleet.submit("e2e.retry", count=2)  # each runs three times: two retries
        fleet.submit("e2e.early", 0.1, count=3)
        fleet.submit("e2e.judge", "ignore", count=2)
        fleet.submit("e2e.judge", "reject")
        fleet.submit("e2e.judge", "requeue")  # until its four receives are used up
        fleet.submit("e2e.nobody")
        fleet.send_bodies(["no task message"])
        wait_for(lambda: len(fleet.dead_letters()) == 4 + 2 + 1 + 1 + 1, "dead letters", workers[0])
        wait_for(lambda: len(fleet.runs()) == 24 + 4 + 6 + 3 + 2 + 1 + 4, "the runs", workers[0])
        wait_for(lambda: fleet.counts().present == 1, "all but the unregistered", workers[0])
        total = _total(workers)

        assert {
            (dict(labels)["task"], dict(labels)["outcome"]): count
            for (name, labels), count in total.items()
            if name == OUTCOMES and count
        } == {
            ("e2e.nap", "success"): 24,
            ("e2e.fail", "failure"): 4,
            ("e2e.retry", "retry"): 4,
            ("e2e.retry", "failure"): 2,
            ("e2e.early", "success"): 3,
            ("e2e.judge", "ignored"): 2,
            ("e2e.judge", "rejected"): 1,
            ("e2e.judge", "requeued"): 4,
            (table.UNREGISTERED, "unregistered"): 1,
            (table.UNDECODABLE, "undecodable"): 1,
        }
        assert value(total, FAILURES, task="e2e.fail", error="ValueError") == 4
        assert value(total, FAILURES, task="e2e.retry", error="RuntimeError") == 2
        assert value(total, FAILURES) == 6
        runs = Counter(run.key.rsplit("-", 1)[0] for run in fleet.runs())
        for task, count in runs.items():
            assert value(total, "fleet_task_run_seconds_count", task=task) == count
            assert value(total, "fleet_task_wait_seconds_count", task=task) == count
        assert value(total, "fleet_task_run_seconds_sum", task="e2e.nap") >= 24 * 0.3
        assert value(total, table.RECEIVED.name) == sum(runs.values()) + 2
        assert value(total, table.REDELIVERED.name) == 3
        assert value(total, table.LEASES_LOST.name) == 0
        assert value(total, table.SLOTS.name) == 2 + 2 + 1
        for worker in workers:
            page = scrape(worker)
            pool = worker.status()["pool"]
            assert value(page, table.WORKER.name, fleet="e2e", pool=pool, release="r-7") == 1
            assert value(page, table.PHASE.name, phase="running") == 1
            _as_the_table_says(worker)


def test_dead_children_leave_nothing_on_the_page(tmp_path: Path) -> None:
    """A child a task, and some that die in it: not a series more, and every count right."""
    with one_queue(tmp_path, max_tasks_per_child=1, max_receives=3) as fleet:
        worker = fleet.start()
        fleet.submit("e2e.nap", count=2)
        fleet.submit("e2e.die")
        wait_for(fleet.dead_letters, "the one that always dies", worker)
        _settled(fleet, [worker])
        first = scrape(worker)
        assert value(first, OUTCOMES, task="e2e.die", outcome="lost") == 3
        assert value(first, table.REDELIVERED.name, task="e2e.die") == 2

        fleet.submit("e2e.nap", count=14)
        wait_for(lambda: len(fleet.finished()) == 16, "fourteen children more", worker)
        _settled(fleet, [worker])
        then = scrape(worker)
        assert set(then) == set(first)
        assert value(then, OUTCOMES, task="e2e.nap", outcome="success") == 16
        assert len({run.pid for run in fleet.runs()}) > 14

        # No child, forked before the endpoint or after it, has its socket.
        port = int(worker.status()["metrics"].rpartition(":")[2])
        mine = open_sockets(worker.process.pid)
        fleet.submit("e2e.nap", 20.0, count=2)
        wait_for(lambda: len(fleet.runs()) == 21, "two running", worker)
        listening = _listening(worker.process.pid, port)
        assert listening in mine
        for child in psutil.Process(worker.process.pid).children():
            assert listening not in open_sockets(child.pid)


def _listening(pid: int, port: int) -> int:
    """Return the inode of a process's socket that listens on a port of 127.0.0.1."""
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == f"0100007F:{port:04X}" and fields[3] == "0A":
            return int(fields[9])
    raise AssertionError(f"nothing listens on {port}")


def test_a_port_that_is_taken_and_where_to_find_the_other(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with one_queue(tmp_path, pool="threads", poll="1s") as fleet:
            worker = fleet.start(FLEET_METRICS=taken)
            address = worker.status()["metrics"]
            assert address.startswith("127.0.0.1:")
            assert address != taken
            wait_for(lambda: get(worker, "/readyz")[0] == 200, "an answered poll", worker)
            assert worker.log.count(f"{taken} is taken") == 1
            assert address in fleet.ops("node", "status").stdout


def test_a_bad_address_is_refused_in_one_line(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        worker = fleet.start(ready=False, FLEET_METRICS="9464")
        assert worker.wait() == 2
        (line,) = worker.log.splitlines()
        assert line.startswith("celery worker: FLEET_METRICS: expected host:port, found '9464'")


def test_an_address_that_is_not_here_costs_the_page_and_not_the_worker(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        worker = fleet.start("-P", "solo", FLEET_METRICS="192.0.2.1:9464")  # RFC 5737: nobody's
        fleet.submit("e2e.nap")
        wait_for(fleet.finished, "its task", worker)
        assert worker.status()["metrics"] is None
        assert worker.log.count("expected to listen on 192.0.2.1:9464") == 1
