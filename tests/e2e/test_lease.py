"""Leases: held as long as the work takes, and what happens when one is lost all the same."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, Worker, ended, one_queue, wait_for
from tests.sqs import Fault

LEASE_SECONDS = 5
SIX_LEASES_SECONDS = 6.0 * LEASE_SECONDS
RENEWAL = "ChangeMessageVisibilityBatch"


def test_six_leases_long_runs_once_under_every_pool(tmp_path: Path) -> None:
    with one_queue(tmp_path, lease=f"{LEASE_SECONDS}s") as fleet:
        fleet.sqs.record_calls()
        _fill(fleet, "prefork", 2, ("e2e.spin", 1), ("e2e.nap", 1))
        threads = _fill(fleet, "threads", 12, ("e2e.nap", 12))
        _fill(fleet, "solo", 1, ("e2e.nap", 1))
        # The rival's free slots would take whatever lapsed.
        rival = fleet.start(AWS_ACCESS_KEY_ID="rival")
        fleet.submit("e2e.nap", 0.3, count=40)

        wait_for(lambda: fleet.finished() == set(fleet.submitted), "the ends", threads, 60)
        wait_for(fleet.empty, "an empty queue", rival)

        assert set(fleet.run_counts().values()) == {1}
        counts = fleet.counts()
        assert counts.received == counts.deleted == len(fleet.submitted)
        assert counts.stale_handles == 0
        assert all(worker.status()["leases_lost"] == 0 for worker in fleet.workers)
        _check_renewals(fleet, "prefork", held=2)
        _check_renewals(fleet, "threads", held=12)
        _check_renewals(fleet, "solo", held=1)
        assert _renewals(fleet, "rival") == []  # short tasks cost none


def _fill(fleet: Fleet, pool: str, slots: int, *work: tuple[str, int]) -> Worker:
    """Start a worker of a pool that signs its calls with the pool's name, and fill its slots."""
    worker = fleet.start("-P", pool, "-c", str(slots), AWS_ACCESS_KEY_ID=pool)
    for task, count in work:
        fleet.submit(task, SIX_LEASES_SECONDS, count=count)
    wait_for(lambda: len(fleet.runs()) == len(fleet.submitted), f"the runs in {pool}", worker)
    return worker


def _renewals(fleet: Fleet, access_key_id: str) -> list[int]:
    """Return the sizes of a worker's batches of renewals."""
    return [
        call.entries
        for call in fleet.sqs.call_records()
        if call.action == RENEWAL and call.access_key_id == access_key_id
    ]


def _check_renewals(fleet: Fleet, access_key_id: str, *, held: int) -> None:
    """Batches of ten, at most every third of a lease, and often enough for six leases."""
    sizes = _renewals(fleet, access_key_id)
    beats = math.ceil(SIX_LEASES_SECONDS / (LEASE_SECONDS / 3)) + 1
    assert max(sizes) == min(held, 10)
    # One more of each: tasks of one worker start at slightly different times.
    assert len(sizes) <= (beats + 1) * math.ceil(held / 10)
    assert sum(sizes) >= 6 * held


def test_a_lost_lease_ends_the_child_where_the_manifest_says_so(tmp_path: Path) -> None:
    with one_queue(tmp_path, lease=f"{LEASE_SECONDS}s", on_lost_lease="end") as fleet:
        first = fleet.start(AWS_ACCESS_KEY_ID="first")
        keys = fleet.submit("e2e.nap", 60.0, count=2)
        wait_for(lambda: len(fleet.runs()) == 2, "the first runs", first)
        children = [run.pid for run in fleet.runs()]
        fault = fleet.sqs.add_fault(Fault("error", (RENEWAL,), access_key_ids=("first",)))
        second = fleet.start()

        wait_for(lambda: all(map(ended, children)), "the end of both children", first)
        wait_for(lambda: len(fleet.runs()) == 4, "the runs on the second worker", second)
        fleet.sqs.clear_faults(fault)

        assert first.status()["leases_lost"] == 2
        assert first.log.count("lease lost: e2e.nap") == 2
        # The second worker is full: this one runs on the first, in a new child.
        fleet.submit("e2e.nap", 0.0)
        wait_for(lambda: fleet.finished() == {fleet.submitted[-1]}, "another task", first)
        assert fleet.run_counts() == {keys[0]: 2, keys[1]: 2, fleet.submitted[-1]: 1}
        wait_for(lambda: fleet.counts().in_flight == 2, "its delete", first)
        assert not fleet.dead_letters()


def test_a_lost_lease_ends_a_process_that_cannot_end_one_task(tmp_path: Path) -> None:
    with one_queue(tmp_path, lease=f"{LEASE_SECONDS}s", on_lost_lease="end") as fleet:
        leaving = [
            fleet.start("-P", "threads", "-c", "2", AWS_ACCESS_KEY_ID="threads"),
            fleet.start("-P", "solo", AWS_ACCESS_KEY_ID="solo"),
        ]
        keys = fleet.submit("e2e.nap", 60.0, count=3)
        wait_for(lambda: len(fleet.runs()) == 3, "the first runs", leaving[0])
        for key in ("threads", "solo"):  # of the two in threads, the other lease is kept
            fleet.sqs.add_fault(
                Fault(
                    "entries",
                    (RENEWAL,),
                    access_key_ids=(key,),
                    calls=1,
                    entries=1,
                    code="ReceiptHandleIsInvalid",
                    sender_fault=True,
                )
            )

        for worker in leaving:
            assert worker.wait() == 75, worker.log
            assert worker.log.count("lease lost: e2e.nap") == 1
        left_at = time.time()
        # What was not lost is handed back, not left to lapse.
        assert fleet.counts().visible >= 1
        second = fleet.start("-c", "3")
        wait_for(lambda: len(fleet.runs()) == 6, "the second runs", second)
        assert fleet.run_counts() == dict.fromkeys(keys, 2)
        assert max(run.started_at for run in fleet.runs()) - left_at < LEASE_SECONDS + 5
        assert not fleet.dead_letters()


def test_a_task_may_finish_under_a_lost_lease(tmp_path: Path) -> None:
    with one_queue(tmp_path, lease=f"{LEASE_SECONDS}s", concurrency=1) as fleet:
        second = fleet.start()
        second.order("pause")
        wait_for(lambda: second.status()["open_polls"] == 0, "a paused worker", second)
        first = fleet.start()
        (key,) = fleet.submit("e2e.nap", 6.0)
        wait_for(lambda: len(fleet.runs()) == 1, "the first run", first)
        second.order("resume")
        wait_for(lambda: fleet.counts().open_polls == 1, "an open poll", second)

        fleet.sqs.advance(LEASE_SECONDS + 1)
        wait_for(lambda: len(fleet.runs()) == 2, "the run on the second worker", second)
        wait_for(lambda: first.status()["leases_lost"] == 1, "a lost lease in status", first)
        assert first.status()["tasks"][0]["lease_lost"] is True
        assert "lease lost: e2e.nap" in first.log

        wait_for(lambda: all(run.ended_at for run in fleet.runs()), "both ends", second)
        wait_for(fleet.empty, "an empty queue", second)
        wait_for(lambda: first.status()["held"] == 0, "nothing held", first)
        assert fleet.run_counts() == {key: 2}
        # One lease was lost, and it counts once.
        assert first.status()["leases_lost"] == 1
        assert second.status()["leases_lost"] == 0
        assert first.alive()


def test_a_lapsed_message_that_comes_back_is_not_run_twice(tmp_path: Path) -> None:
    table = {"lease": f"{LEASE_SECONDS}s", "pool": "threads", "on_lost_lease": "end"}
    with one_queue(tmp_path, **table) as fleet:
        worker = fleet.start()
        (key,) = fleet.submit("e2e.nap", 4.0)
        wait_for(lambda: len(fleet.runs()) == 1, "the run", worker)
        wait_for(lambda: fleet.counts().open_polls == 1, "an open poll", worker)

        fleet.sqs.advance(LEASE_SECONDS + 1)
        wait_for(lambda: "lease regained: e2e.nap" in worker.log, "the message again", worker)
        wait_for(lambda: fleet.finished() == {key}, "the end", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        assert fleet.run_counts() == {key: 1}
        assert fleet.counts().received == 2
        assert fleet.counts().deleted == 1
        assert not fleet.dead_letters()
        assert worker.alive()


@pytest.mark.parametrize(("pool", "task"), [("prefork", "e2e.spin"), ("threads", "e2e.nap")])
def test_a_task_past_its_limit_is_ended(tmp_path: Path, pool: str, task: str) -> None:
    with one_queue(tmp_path, lease=f"{LEASE_SECONDS}s", time_limit="3s", pool=pool) as fleet:
        worker = fleet.start()
        other_worker = fleet.start()
        other_worker.order("pause")
        wait_for(lambda: other_worker.status()["open_polls"] == 0, "no poll", other_worker)
        (overdue,) = fleet.submit(task, 60.0)
        run = wait_for(fleet.runs, "the run", worker)[0]
        wait_for(lambda: time.time() - run.started_at > 2.0, "the limit to come near", worker)
        (other,) = fleet.submit("e2e.nap", 2.5)
        wait_for(lambda: len(fleet.runs()) == 2, "the other run", worker)
        other_worker.order("resume")

        (reason,) = wait_for(fleet.reasons, "the dead letter", worker, 15)
        assert time.time() - run.started_at < 3 + 4
        assert reason["class"] == "TimeLimitExceeded"
        assert reason["message"] == "ran longer than 3 s"
        wait_for(lambda: fleet.finished() == {other}, "the other's end", other_worker)
        wait_for(fleet.empty, "an empty queue", other_worker)
        if pool == "prefork":
            assert ended(run.pid)
            assert worker.alive()
            assert fleet.run_counts() == {overdue: 1, other: 1}
        else:
            assert worker.wait() == 75
            assert fleet.run_counts() == {overdue: 1, other: 2}
        assert len(fleet.dead_letters()) == 1
        assert fleet.counts().redriven == 0
