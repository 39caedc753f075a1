"""Faults of what records finished work: deletes, and copies to the dead-letter queue."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.e2e.fleet import one_queue, wait_for
from tests.e2e.stream import WORKER_KEY, settled, streaming
from tests.sqs import Fault
from worker.sqs.engine import ACKS_STUCK

LEASE_SECONDS = 5
DELETES = ("DeleteMessageBatch",)
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"

long = [
    pytest.mark.long,
    pytest.mark.skipif("FLEET_LONG" not in os.environ, reason="takes long: FLEET_LONG=1"),
]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("silent", actions=DELETES),
        Fault("error", code="AccessDeniedException", actions=DELETES),
        pytest.param(Fault("status", status=500, actions=DELETES), marks=long),
        pytest.param(Fault("entries", actions=DELETES), marks=long),
    ],
    ids=lambda fault: fault.kind,
)
def test_while_nothing_can_be_deleted_nothing_more_is_received(
    tmp_path: Path, fault: Fault
) -> None:
    """What is finished stays leased, also past its lease, and runs nowhere a second time."""
    table = {"pool": "threads", "lease": f"{LEASE_SECONDS}s", "poll": "1s"}
    with one_queue(tmp_path, **table) as fleet:
        worker, other = fleet.start(), fleet.start()
        with streaming(fleet, every_seconds=0.1) as stream:
            number = fleet.sqs.add_fault(fault)
            wait_for(lambda: fleet.sqs.struck(number), "the fault to strike", worker)
            for one in (worker, other):
                wait_for(lambda w=one: ACKS_STUCK in w.status()["holding"], "the hold", one, 20.0)
            wait_for(
                lambda: not (worker.status()["open_polls"] or other.status()["open_polls"]),
                "the last polls' ends",
            )
            received = fleet.counts().received
            time.sleep(LEASE_SECONDS + 1.5)
            assert fleet.counts().received == received
            assert ACKS_STUCK in worker.status()["holding"]
            assert fleet.counts().deleted == 0
            fleet.sqs.clear_faults()
            ended_at = time.monotonic()
            wait_for(lambda: fleet.counts().received > received, "a receive", worker)
            assert time.monotonic() - ended_at < 30.0
        settled(fleet, stream, worker)
        assert set(fleet.run_counts().values()) == {1}
        # The warden, which lets go of the hold, looks once a second.
        wait_for(lambda: not worker.status()["holding"], "the hold's end", worker)
        assert worker.status()["leases_lost"] == other.status()["leases_lost"] == 0


def test_a_delete_refused_for_good_is_a_lost_lease_that_is_logged(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads", lease=f"{LEASE_SECONDS}s") as fleet:
        worker = fleet.start()
        fleet.sqs.add_fault(
            Fault("entries", sender_fault=True, code="ReceiptHandleIsInvalid", actions=DELETES)
        )
        (key,) = fleet.submit("e2e.nap")
        wait_for(lambda: "lease lost: e2e.nap" in worker.log, "the log", worker)
        fleet.sqs.clear_faults()
        wait_for(fleet.empty, "an empty queue", worker)
        assert fleet.run_counts() == {key: 1}, "the worker knows what it has finished"
        assert "delivered again" in worker.log


def test_leases_that_cannot_be_renewed_are_lost_and_logged(tmp_path: Path) -> None:
    table = {"pool": "threads", "concurrency": 1, "lease": f"{LEASE_SECONDS}s"}
    with one_queue(tmp_path, **table) as fleet:
        worker, other = fleet.start(AWS_ACCESS_KEY_ID=WORKER_KEY), fleet.start()
        other.order("pause")
        wait_for(lambda: not other.status()["open_polls"], "its last poll's end", other)
        (key,) = fleet.submit("e2e.nap", 10.0)
        wait_for(fleet.runs, "its start", worker)
        renewals = ("ChangeMessageVisibilityBatch",)
        fleet.sqs.add_fault(
            Fault("status", status=500, actions=renewals, access_key_ids=(WORKER_KEY,))
        )
        other.order("resume")
        wait_for(lambda: len(fleet.runs()) == 2, "the second run", other)
        fleet.sqs.clear_faults()
        wait_for(fleet.empty, "an empty queue", other)
        first, second = fleet.runs()
        assert first.key == second.key == key
        assert "leases: cannot renew" in worker.log
        # said while the task runs, and not only when its delete comes too late
        assert f"lease lost: e2e.nap[{first.task_id}] started, receive 1: " in worker.log
        assert worker.status()["leases_lost"] >= 1
        assert worker.alive()


def test_no_message_is_deleted_before_its_copy_is_a_dead_letter(tmp_path: Path) -> None:
    actions = ("SendMessageBatch",)
    queues = ("e2e-work-dlq",)
    with one_queue(tmp_path, pool="threads", lease=f"{LEASE_SECONDS}s") as fleet:
        worker = fleet.start(AWS_ACCESS_KEY_ID=WORKER_KEY)
        for number, fault in enumerate(
            (
                Fault("error", code=NO_QUEUE, actions=actions, queues=queues),
                Fault("error", code="AccessDeniedException", actions=actions, queues=queues),
                Fault("entries", actions=actions, queues=queues),
                Fault("entries", actions=actions, queues=queues, sender_fault=True),
                Fault("silent", actions=actions, queues=queues),
            ),
            start=1,
        ):
            struck = fleet.sqs.add_fault(fault)
            (key,) = fleet.submit("e2e.fail")
            wait_for(lambda n=struck: fleet.sqs.struck(n), "the fault to strike", worker)
            wait_for(lambda k=key: k in fleet.run_counts(), "its run", worker)
            time.sleep(1.0)
            assert fleet.counts().in_flight == 1
            assert len(fleet.dead_letters()) == number - 1
            fleet.sqs.clear_faults()
            wait_for(lambda n=number: len(fleet.dead_letters()) == n, "the copy", worker)
            wait_for(fleet.empty, "the delete", worker)
        assert set(fleet.run_counts().values()) == {1}
        assert {reason["class"] for reason in fleet.reasons()} == {"ValueError"}
        assert worker.status()["leases_lost"] == 0
