"""Broker faults, injected while tasks flow: nothing lost, nobody dead, receiving again in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.fleet import Fleet, Worker, one_queue, wait_for
from tests.e2e.stream import WORKER_KEY, settled, streaming
from tests.sqs import Fault

#: The promise: receiving again this long after a fault's end.
AGAIN_WITHIN_SECONDS = 30.0
FAULT_SECONDS = 2.0
#: In two seconds of failures a thread tries at once and after at least 0.1, 0.2, 0.4 and 0.8 s;
#: up to four threads poll.
MOST_TRIES = 24


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
    "404": _fault("status", status=404, with_body=False),
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
