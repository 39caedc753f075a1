"""Broker faults, injected while tasks flow: nothing lost, nobody dead, receiving again in time."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, Worker, one_queue, wait_for
from tests.e2e.stream import WORKER_KEY, settled, streaming
from tests.sqs import Fault
from worker.sqs.backoff import CAP_SECONDS, FIRST_SECONDS

#: The promise: receiving again this long after a fault's end.
AGAIN_WITHIN_SECONDS = 30.0
FAULT_SECONDS = 1.0
#: In a second of failures a worker tries at once and after at least 0.1, 0.2 and 0.4 s, with up
#: to four polls at a time.
MOST_TRIES = 16


def _fault(kind: str, **more: object) -> Fault:
    return Fault.from_json({"kind": kind, "access_key_ids": [WORKER_KEY], **more})


def _again_within(fleet: Fleet, worker: Worker, seconds: float = AGAIN_WITHIN_SECONDS) -> float:
    """Wait until a task sent now has started; return how long that took and check it."""
    began = time.monotonic()
    (key,) = fleet.submit("e2e.nap")
    wait_for(lambda: key in fleet.run_counts(), "a task after the fault", worker, seconds)
    return time.monotonic() - began


@contextmanager
def _streamed(tmp_path: Path, **table: object) -> Iterator[tuple[Fleet, Worker]]:
    """Run a fleet with a worker and a stream; at the end all of it must be accounted for."""
    with one_queue(tmp_path, **table) as fleet:
        worker = fleet.start(AWS_ACCESS_KEY_ID=WORKER_KEY)
        with streaming(fleet, (0.02, 0.3)) as stream:
            wait_for(fleet.finished, "the first task", worker)
            yield fleet, worker
        settled(fleet, stream, worker)
        assert worker.alive()
        assert len(stream.sent) > 20
        status = worker.status()
        assert (status["phase"], status["holding"], status["busy"]) == ("running", [], 0)


ANSWERS = {
    "500": _fault("status", status=500, with_body=False),
    "503": _fault("status", status=503),
    "408": _fault("status", status=408, with_body=False),
    "400": _fault("status", status=400, with_body=False),
    "throttled": _fault("error", code="ThrottlingException"),
    "denied": _fault("error", code="AccessDeniedException"),
    "no queue": _fault("error", code="AWS.SimpleQueueService.NonExistentQueue"),
    "malformed": _fault("malformed"),
    "reset": _fault("reset"),
    "answer lost": _fault("answer_lost"),
    "entries": _fault("entries"),
}


def test_failing_answers(tmp_path: Path) -> None:
    """Every call of the worker fails, in one way after another, in one worker's life."""
    with _streamed(tmp_path, lease="6s", concurrency=4, max_receives=50) as (fleet, worker):
        for name, fault in ANSWERS.items():
            number = fleet.sqs.add_fault(fault)
            wait_for(lambda n=number: fleet.sqs.struck(n), f"{name} to strike", worker)
            before = fleet.sqs.calls().requests("ReceiveMessage")
            time.sleep(FAULT_SECONDS)
            tries = fleet.sqs.calls().requests("ReceiveMessage") - before
            fleet.sqs.clear_faults()
            if name != "entries":  # receives are no batches
                assert tries <= MOST_TRIES, name
            _again_within(fleet, worker)
        assert "Unrecoverable" not in worker.log


def test_connections_refused_reset_slow_and_silent(tmp_path: Path) -> None:
    poll_seconds = 5
    table = {"pool": "threads", "concurrency": 8, "max_receives": 50}
    with _streamed(tmp_path, **table, poll=f"{poll_seconds}s") as (fleet, worker):
        fleet.sqs.refuse_connections(2.0)  # and reset what is open
        time.sleep(2.0)
        errors = worker.status()["poll_errors"]
        assert 1 <= errors <= 12
        assert _again_within(fleet, worker) < AGAIN_WITHIN_SECONDS

        fleet.sqs.delay(1.0)
        _again_within(fleet, worker)
        fleet.sqs.delay(0.0)
        drip = fleet.sqs.add_fault(_fault("drip", seconds=1.5))
        wait_for(lambda: fleet.sqs.struck(drip) >= 4, "answers that drip", worker)
        fleet.sqs.clear_faults()
        _again_within(fleet, worker)

        _silence(fleet, worker, seconds=2.0)
        # An open poll is given up after its wait and four seconds more.
        assert _again_within(fleet, worker) < poll_seconds + 4 + 5 + 3
        status = worker.status()
        assert status["last_poll_age_seconds"] < poll_seconds + 4


def _silence(fleet: Fleet, worker: Worker, seconds: float) -> None:
    """Answer nothing for a while, not even polls that are open, and see every call give up."""
    wait_for(lambda: fleet.counts().open_polls, "an open poll", worker)
    fleet.sqs.add_fault(_fault("silent"))
    time.sleep(seconds)
    fleet.sqs.clear_faults()


@pytest.mark.long
@pytest.mark.skipif("FLEET_LONG" not in os.environ, reason="takes minutes: FLEET_LONG=1")
@pytest.mark.timeout(600)
def test_the_longest_poll_silenced_again_and_again(tmp_path: Path) -> None:
    """A poll of 20 s leaves the least of the 30 s to everything else."""
    table = {"pool": "threads", "concurrency": 16, "max_receives": 50}
    with _streamed(tmp_path, **table, poll="20s") as (fleet, worker):
        for seconds in (1.0, 30.0, 90.0):
            _silence(fleet, worker, seconds)
            print(f"receiving again after {_again_within(fleet, worker):.1f} s")


def test_a_long_outage_is_met_with_growing_jittered_waits(tmp_path: Path) -> None:
    """Two workers under one outage: few tries, each at its own time, and both come back."""
    with one_queue(tmp_path, pool="threads", poll="1s") as fleet:
        keys = ("ONE", "TWO")
        workers = [fleet.start(AWS_ACCESS_KEY_ID=key) for key in keys]
        fleet.sqs.record_calls()
        outage_seconds = 9.0
        number = fleet.sqs.add_fault(Fault("status", status=503, access_key_ids=keys))
        time.sleep(outage_seconds)
        struck = fleet.sqs.struck(number)
        fleet.sqs.clear_faults()
        ended_at = time.monotonic()

        shares = []
        for key in keys:
            tries = [
                call.started_at
                for call in fleet.sqs.call_records()
                if call.access_key_id == key and call.status == 503
            ]
            assert 4 <= len(tries) <= 9
            for failures, (one, next_one) in enumerate(itertools.pairwise(tries), 1):
                bound = min(CAP_SECONDS, FIRST_SECONDS * 2 ** (failures - 1))
                gap = next_one - one
                assert gap >= bound / 2 - 0.005
                if bound >= 0.8:  # what is shorter a busy machine blurs
                    shares.append(gap / bound)
        assert struck <= 20
        assert max(shares) - min(shares) > 0.04, "waits that are not drawn"
        for key, worker in zip(keys, workers, strict=True):
            back = wait_for(lambda k=key: _received(fleet, k, ended_at), "a receive", worker)
            assert back - ended_at < AGAIN_WITHIN_SECONDS
            assert worker.alive()


def _received(fleet: Fleet, access_key: str, since: float) -> float | None:
    """Return when (monotonic seconds) a worker first received without error after ``since``."""
    return next(
        (
            call.started_at
            for call in fleet.sqs.call_records()
            if call.started_at > since
            and call.access_key_id == access_key
            and (call.action, call.outcome) == ("ReceiveMessage", "ok")
        ),
        None,
    )


def test_a_worker_that_starts_during_an_outage_waits_it_out(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads") as fleet:
        (key,) = fleet.submit("e2e.nap")
        fleet.sqs.refuse_connections(4.0)
        began = time.monotonic()
        worker = fleet.start(ready=False)
        wait_for(lambda: key in fleet.finished(), "its first task", worker)
        assert 4.0 < time.monotonic() - began < 4.0 + AGAIN_WITHIN_SECONDS
        assert worker.alive()
