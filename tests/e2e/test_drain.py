"""Drains: what runs finishes, what has not begun is at once somebody else's, nothing is left."""

from __future__ import annotations

import base64
import json
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.harness import message
from tests.e2e.fleet import Fleet, Worker, ended, one_queue, wait_for

LEASE_SECONDS = 5
POLL_SECONDS = 2
#: What is not started is visible again within this.
HAND_BACK_SECONDS = 2.0
#: How long a loaded machine may take for what is ordered to happen at once.
AT_ONCE_SECONDS = 3.0


def _standby(fleet: Fleet, *flags: str) -> Worker:
    """Start a worker that is ready and receives nothing until it is told to resume."""
    worker = fleet.start(*flags)
    worker.order("pause")
    wait_for(lambda: worker.status()["open_polls"] == 0, "a paused worker", worker)
    return worker


def _measured(fleet: Fleet, worker: Worker) -> None:
    """Have a worker measure short tasks, so that it looks ahead."""
    fleet.submit("e2e.nap", 0.05, count=10)
    wait_for(fleet.empty, "short tasks done", worker)


def _due_later(body: str) -> str:
    """Return a message's body with an ETA ten minutes from now, which Celery waits for."""
    envelope = json.loads(base64.b64decode(body))
    envelope["headers"]["eta"] = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def _nothing_lost_on_the_way(fleet: Fleet) -> None:
    """No poll was hung up, no handle used after its time, no receive spent for nothing."""
    counts = fleet.counts()
    assert counts.received_by_closed_polls == 0
    assert counts.closed_polls == 0
    assert counts.stale_handles == 0
    assert counts.redriven == 0
    assert not fleet.dead_letters()


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_sigterm_with_work_running_reserved_and_arriving(tmp_path: Path, pool: str) -> None:
    table = {"pool": pool, "prefetch": "auto", "lease": f"{LEASE_SECONDS}s", "poll": "3s"}
    with one_queue(tmp_path, **table) as fleet:
        first = fleet.start()
        _measured(fleet, first)
        second = _standby(fleet)
        running = fleet.submit("e2e.nap", 6.5, count=2)
        wait_for(lambda: len(fleet.runs()) == 12, "two running", first)
        reserved = fleet.submit("e2e.nap", 0.05, count=5)
        wait_for(lambda: first.status()["buffered"] == 5, "five reserved", first)
        wait_for(lambda: fleet.counts().open_polls == 1, "an open poll", first)
        received = fleet.counts().received

        first.signal(signal.SIGTERM)
        signalled_at = time.time()
        arriving = fleet.submit("e2e.nap", 0.05, count=5)
        fleet.sqs.wait_for(
            fleet.queue_name,
            lambda c: (c.visible, c.in_flight) == (10, 2),
            HAND_BACK_SECONDS,
        )
        assert time.time() - signalled_at < HAND_BACK_SECONDS
        assert fleet.counts().received > received  # the open poll brought what arrived
        second.order("resume")
        first.signal(signal.SIGTERM)  # twice is as good as once

        wait_for(
            lambda: {run.key for run in fleet.runs()} >= {*reserved, *arriving},
            "the unstarted on the second worker",
            second,
        )
        unstarted = [run for run in fleet.runs() if run.key in {*reserved, *arriving}]
        assert max(run.started_at for run in unstarted) - signalled_at < HAND_BACK_SECONDS + 1
        assert first.status()["phase"] == "draining"
        assert first.wait() == 0, first.log
        wait_for(fleet.empty, "an empty queue", second)

        assert time.time() - signalled_at > LEASE_SECONDS  # it ran under renewed leases
        assert set(fleet.run_counts().values()) == {1}
        assert fleet.finished() == set(fleet.submitted)
        ran = {run.key: run for run in fleet.runs()}
        assert {ran[key].receive_count for key in running} == {1}
        # The poll that is heard out may bring once more what has just been handed back.
        assert {ran[key].receive_count for key in reserved} <= {2, 3}
        _nothing_lost_on_the_way(fleet)


def test_a_drain_without_look_ahead_spends_no_receives(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        workers = fleet.start_every_pool()
        running = fleet.submit("e2e.nap", 4.0, count=5)
        wait_for(lambda: len(fleet.runs()) == 5, "five running", workers["prefork"])
        waiting = fleet.submit("e2e.nap", 0.0, count=6)

        for worker in workers.values():
            worker.signal(signal.SIGTERM)
        for pool, worker in workers.items():
            assert worker.wait() == 0, f"{pool}: {worker.log}"

        assert fleet.finished() == set(running)
        counts = fleet.counts()
        assert (counts.visible, counts.in_flight) == (len(waiting), 0)
        assert {letter.receive_count for letter in fleet.sqs.peek(fleet.queue_name)} == {0}
        assert set(fleet.run_counts().values()) == {1}
        _nothing_lost_on_the_way(fleet)


def test_an_idle_worker_leaves_when_its_poll_is_heard_out(tmp_path: Path) -> None:
    with one_queue(tmp_path, poll=f"{POLL_SECONDS}s") as fleet:
        workers = fleet.start_every_pool()
        wait_for(lambda: fleet.counts().open_polls == 3, "three open polls", workers["solo"])

        for worker in workers.values():
            worker.signal(signal.SIGTERM)
        signalled_at = time.monotonic()
        wait_for(
            lambda: all(w.status()["phase"] == "draining" for w in workers.values()),
            "three drains",
        )
        # Each poll may bring one yet; none of the workers may keep it.
        keys = fleet.submit("e2e.nap", 0.0, count=3)
        for pool, worker in workers.items():
            assert worker.wait() == 0, f"{pool}: {worker.log}"
            left_after = time.monotonic() - signalled_at
            assert left_after < POLL_SECONDS + 2, f"{pool}: {left_after:.1f} s\n{worker.log}"

        assert fleet.counts().visible == len(keys)
        assert fleet.counts().received > 0
        assert fleet.runs() == []
        _nothing_lost_on_the_way(fleet)


def test_what_waits_for_its_time_is_with_sqs_when_the_worker_leaves(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        worker = fleet.start()
        fleet.send_bodies([_due_later(message("e2e.nap", ("later",)))])
        fleet.sqs.wait_for(fleet.queue_name, lambda c: c.delayed == 1 and c.in_flight == 0)
        assert worker.status()["busy"] == 0

        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.log
        assert fleet.runs() == []
        counts = fleet.counts()
        assert (counts.delayed, counts.present) == (1, 1)
        _nothing_lost_on_the_way(fleet)


def _five_programs(fleet: Fleet) -> tuple[dict[str, Worker], Worker, list[int]]:
    """Run five programs that take a minute, in a worker of each pool; a fourth stands by."""
    workers = fleet.start_every_pool()
    standby = _standby(fleet, "-c", "5")
    fleet.submit("e2e.program", 60, count=5)
    wait_for(lambda: len(fleet.programs()) == 5, "five programs", workers["prefork"])
    return workers, standby, fleet.programs()


def _cut_off(
    fleet: Fleet, workers: dict[str, Worker], standby: Worker, programs: list[int]
) -> None:
    """Check that the workers end their tasks, hand them back and leave; the standby has them."""
    fleet.sqs.wait_for(fleet.queue_name, lambda c: c.visible == 5, AT_ONCE_SECONDS)
    assert fleet.counts().in_flight == 0
    wait_for(lambda: all(map(ended, programs)), "the programs' end", None, AT_ONCE_SECONDS)
    resumed_at = time.time()
    standby.order("resume")
    wait_for(lambda: len(fleet.runs()) == 10, "the second runs", standby)
    assert set(fleet.run_counts().values()) == {2}
    again = fleet.runs()[5:]
    assert max(run.started_at for run in again) - resumed_at < AT_ONCE_SECONDS
    assert {run.receive_count for run in again} == {2}
    for pool, worker in workers.items():
        assert worker.wait() == 0, f"{pool}: {worker.log}"
    _nothing_lost_on_the_way(fleet)


def test_at_the_end_of_the_budget_the_rest_is_handed_back(tmp_path: Path) -> None:
    with one_queue(tmp_path, drain_budget="5s") as fleet:
        workers, standby, programs = _five_programs(fleet)

        signalled_at = time.monotonic()
        for worker in workers.values():
            worker.signal(signal.SIGTERM)
        for worker in workers.values():
            # The order must find the signal's drain: whichever comes first, a nearer one counts.
            wait_for(lambda w=worker: w.status()["phase"] == "draining", "a drain", worker)
            worker.order("drain", within_seconds=3600)  # later and farther: changes nothing
            assert worker.status()["deadline_in_seconds"] < 5
        wait_for(lambda: fleet.counts().visible, "the end of the budget")
        assert time.monotonic() - signalled_at >= 5
        _cut_off(fleet, workers, standby, programs)


def test_a_nearer_deadline_shortens_a_drain(tmp_path: Path) -> None:
    with one_queue(tmp_path, drain_budget="5m") as fleet:
        workers, standby, programs = _five_programs(fleet)
        for worker in workers.values():
            worker.signal(signal.SIGTERM)
            wait_for(lambda w=worker: w.status()["phase"] == "draining", "a drain", worker)
            assert 290 < worker.status()["deadline_in_seconds"] <= 300

        for worker in workers.values():
            _drain_within(fleet, worker, "2s")
        _cut_off(fleet, workers, standby, programs)


@pytest.mark.parametrize("signals", [("SIGINT", "SIGINT"), ("SIGQUIT",)])
def test_what_insists_hands_everything_back_now(tmp_path: Path, signals: tuple[str, ...]) -> None:
    with one_queue(tmp_path) as fleet:
        workers, standby, programs = _five_programs(fleet)

        for number, worker in ((s, w) for s in signals[:-1] for w in workers.values()):
            worker.signal(signal.Signals[number])
            wait_for(lambda w=worker: w.status()["phase"] == "draining", "a drain", worker)
        assert not any(map(ended, programs))
        for worker in workers.values():
            worker.signal(signal.Signals[signals[-1]])
        _cut_off(fleet, workers, standby, programs)


def _drain_within(fleet: Fleet, worker: Worker, within: str, *flags: str) -> None:
    """Order a drain as an operator does."""
    pid = str(worker.process.pid)
    done = fleet.ops("node", "drain", "--within", within, "--pid", pid, *flags)
    assert done.returncode == 0, done.stderr


def _last_receives(fleet: Fleet, task: str, *args: object, count: int) -> list[str]:
    """Submit tasks whose messages have one receive left of the two the queue allows."""
    keys = fleet.submit(task, *args, count=count)
    client = fleet.client
    url = client.get_queue_url(QueueName=fleet.queue_name)["QueueUrl"]
    received = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
    assert len(received["Messages"]) == count
    for one in received["Messages"]:
        client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
        )
    return keys


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_last_receive_is_run_before_a_worker_leaves(tmp_path: Path, pool: str) -> None:
    with one_queue(tmp_path, pool=pool, prefetch="auto", max_receives=2) as fleet:
        worker = fleet.start()
        _measured(fleet, worker)
        fleet.submit("e2e.nap", 3.0, count=2)
        wait_for(lambda: len(fleet.runs()) == 12, "two running", worker)
        worker.order("pause")
        wait_for(lambda: worker.status()["open_polls"] == 0, "no poll", worker)
        last = _last_receives(fleet, "e2e.nap", 0.05, count=4)
        worker.order("resume")
        wait_for(lambda: worker.status()["buffered"] == 4, "four waiting for a slot", worker)

        worker.order("pause")
        wait_for(lambda: worker.status()["phase"] == "paused", "a pause", worker)
        assert worker.status()["buffered"] == 4
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.log

        assert fleet.finished() == set(fleet.submitted)
        assert set(fleet.run_counts().values()) == {1}
        assert {run.receive_count for run in fleet.runs() if run.key in last} == {2}
        assert fleet.empty()
        _nothing_lost_on_the_way(fleet)


@pytest.mark.parametrize(
    ("pool", "spot"), [("prefork", False), ("threads", False), ("prefork", True)]
)
def test_cut_off_on_the_last_receive(tmp_path: Path, pool: str, spot: bool) -> None:
    with one_queue(tmp_path, pool=pool, max_receives=2) as fleet:
        keys = _last_receives(fleet, "e2e.nap", 60.0, count=2)
        worker = fleet.start()
        wait_for(lambda: len(fleet.runs()) == 2, "two running", worker)

        _drain_within(fleet, worker, "1s", *(["--spot"] if spot else []))
        assert worker.wait() == 0, worker.log

        assert fleet.run_counts() == dict.fromkeys(keys, 1)
        assert fleet.counts().in_flight == 0
        if spot:  # no time for a copy: SQS itself moves it, should nobody finish it
            assert fleet.counts().visible == 2
            assert not fleet.dead_letters()
        else:
            assert fleet.empty()
            assert [reason["class"] for reason in fleet.reasons()] == ["CutOff"] * 2
            assert {reason["receives"] for reason in fleet.reasons()} == {2}


def test_a_reclaim_hands_back_also_last_receives(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads", prefetch="auto", max_receives=2) as fleet:
        worker = fleet.start()
        _measured(fleet, worker)
        fleet.submit("e2e.nap", 3.5, count=2)
        wait_for(lambda: len(fleet.runs()) == 12, "two running", worker)
        worker.order("pause")
        wait_for(lambda: worker.status()["open_polls"] == 0, "no poll", worker)
        last = _last_receives(fleet, "e2e.nap", 0.05, count=4)
        worker.order("resume")
        wait_for(lambda: worker.status()["buffered"] == 4, "four waiting for a slot", worker)

        worker.order("drain", within_seconds=60, spot=True)
        fleet.sqs.wait_for(fleet.queue_name, lambda c: c.in_flight == 2, HAND_BACK_SECONDS)
        assert worker.wait() == 0, worker.log
        assert fleet.finished() == set(fleet.submitted) - set(last)
        # The next receive, be it by the poll that is heard out, makes dead letters of them.
        assert fleet.counts().visible + fleet.counts().redriven == len(last)
