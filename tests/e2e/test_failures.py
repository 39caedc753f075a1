"""Work that fails, in whatever way: recorded with its reason, and the worker works on."""

from __future__ import annotations

import json
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import message
from tests.e2e.fleet import QUEUE, Fleet, one_queue, wait_for
from tests.e2e.junk import bodies
from tests.sqs.control import PeekedMessage

SLOTS = {"prefork": 2, "threads": 3, "solo": 1}
REASON = "fleet.reason"


def _reason(letter: PeekedMessage) -> dict[str, Any]:
    reason: dict[str, Any] = json.loads(letter.attributes[REASON]["StringValue"])
    return reason


def _classes(fleet: Fleet) -> dict[str, str]:
    """Return the class of each dead letter's reason by the key of the task."""
    keys = {run.task_id: run.key for run in fleet.runs()}
    return {keys[reason["id"]]: reason["class"] for reason in fleet.reasons()}


@pytest.mark.parametrize("pool", SLOTS)
def test_junk_is_recorded_and_leaves_the_worker_alone(tmp_path: Path, pool: str) -> None:
    with one_queue(tmp_path, pool=pool, concurrency=SLOTS[pool], lease="20s") as fleet:
        worker = fleet.start()
        junk = bodies()
        assert len(junk) > 400
        began = datetime.now(UTC)
        good = fleet.submit("e2e.nap", 0.01, count=5)
        fleet.send_bodies([one.body for one in junk if len(one.body) < 100_000])
        for one in junk:
            if len(one.body) >= 100_000:
                fleet.send_bodies([one.body])
        good += fleet.submit("e2e.nap", 0.01, count=5)
        wait_for(fleet.empty, "an empty queue", worker, 90.0)
        good += fleet.submit("e2e.nap")
        wait_for(lambda: set(good) <= fleet.finished(), "a task after the junk", worker)

        letters = Counter(letter.body for letter in fleet.dead_letters())
        finished = fleet.finished()
        for one in junk:
            ran = one.harmless and one.key in finished
            assert letters.pop(one.body, 0) == (0 if ran else 1), one.name
        assert not letters
        runs = fleet.run_counts()
        del runs["k"]  # shared by those whose body is wrong
        assert set(runs.values()) == {1}
        _check_reasons(fleet, began)
        assert worker.alive()
        assert worker.status()["leases_lost"] == 0
        assert "lease lost" not in worker.log


def _check_reasons(fleet: Fleet, began: datetime) -> None:
    letters = fleet.dead_letters()
    recorded = [letter for letter in letters if REASON in letter.attributes]
    assert len(recorded) == len(letters) - 1, "a body of 1 MiB, and only that, leaves no room"
    for reason in map(_reason, recorded):
        assert reason["class"] in {"Undecodable", "TypeError", "AttributeError"}, reason
        assert reason["message"]
        assert reason["node"]
        assert reason["queue"] == QUEUE
        at = datetime.fromisoformat(reason["time"])
        assert began - timedelta(seconds=1) <= at <= datetime.now(UTC) + timedelta(seconds=1)


#: key's task and arguments -> (class of the reason, runs); None: no dead letter.
#: With three receives, what is handed back runs three times.
ENDS: dict[tuple[Any, ...], tuple[str | None, int]] = {
    ("e2e.fail", "no"): ("ValueError", 1),
    ("e2e.fail", "\udc80 and \U0001f600"): ("ValueError", 1),
    ("e2e.retry",): ("RuntimeError", 3),
    ("e2e.judge", "ignore"): (None, 1),
    ("e2e.judge", "reject"): ("Reject", 1),
    ("e2e.judge", "requeue"): ("Reject", 3),
    ("e2e.die", "memory"): ("MemoryError", 1),
    ("e2e.die", "interrupt"): ("WorkerLostError", 3),
    ("e2e.die", "exit"): ("WorkerLostError", 3),
}
PREFORK_ENDS: dict[tuple[Any, ...], tuple[str | None, int]] = {
    ("e2e.die", "kill"): ("WorkerLostError", 3),
    ("e2e.nap", 60.0): ("SoftTimeLimitExceeded", 1),
    ("e2e.stubborn", 60.0): ("TimeLimitExceeded", 1),
    # what it raised, where a thread has only Celery's word for a process that is gone
    ("e2e.die", "interrupt"): ("KeyboardInterrupt", 3),
    ("e2e.die", "exit"): ("SystemExit", 3),
}


@pytest.mark.parametrize("pool", SLOTS)
def test_failing_tasks_are_recorded_and_their_neighbours_run_on(tmp_path: Path, pool: str) -> None:
    table: dict[str, object] = {"pool": pool, "concurrency": SLOTS[pool], "max_receives": 3}
    ends = dict(ENDS)
    if pool == "prefork":
        table |= {"soft_time_limit": "2s", "time_limit": "4s"}
        ends |= PREFORK_ENDS
    with one_queue(tmp_path, **table) as fleet:
        worker = fleet.start()
        good = fleet.submit("e2e.nap", 0.1, count=5)
        expected = {fleet.submit(*call)[0]: end for call, end in ends.items()}
        # acknowledged at their start, each frees its slot at its end all the same
        good += fleet.submit("e2e.early", count=2 * SLOTS[pool])
        good += fleet.submit("e2e.nap", 0.1, count=5)
        wait_for(fleet.empty, "an empty queue", worker)
        wait_for(lambda: set(good) <= fleet.finished(), "the others' ends", worker)

        classes = _classes(fleet)
        runs = fleet.run_counts()
        found = {key: (classes.get(key), runs[key]) for key in expected}
        assert found == expected, worker.log[-6000:]
        assert {key: runs[key] for key in good} == dict.fromkeys(good, 1)
        assert len(fleet.dead_letters()) == len([end for end, _ in ends.values() if end])
        for reason in fleet.reasons():
            assert reason["message"] or reason["class"] == "KeyboardInterrupt"  # which has none
            assert reason["node"] == socket.gethostname()
        assert worker.alive()


def _letter(fleet: Fleet) -> PeekedMessage | None:
    return next(iter(fleet.dead_letters()), None)


def test_a_dead_letter_is_its_message_with_a_reason_added(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads") as fleet:
        worker = fleet.start()
        client = fleet.client
        url = client.get_queue_url(QueueName=fleet.queue_name)["QueueUrl"]
        body = message("e2e.fail", ("with attributes", "why it failed"))
        sent = client.send_message(
            QueueUrl=url,
            MessageBody=body,
            MessageAttributes={
                "tenant": {"DataType": "String", "StringValue": "acme \u00e9"},
                "weight": {"DataType": "Number", "StringValue": "3.5"},
                "seal": {"DataType": "Binary.sha", "BinaryValue": b"\x00\xff"},
            },
        )
        letter = wait_for(lambda: _letter(fleet), "a dead letter", worker)
        assert letter.body == body
        carried = {key: letter.attributes[key] for key in ("tenant", "weight", "seal")}
        assert carried == {
            "tenant": {"DataType": "String", "StringValue": "acme \u00e9"},
            "weight": {"DataType": "Number", "StringValue": "3.5"},
            "seal": {"DataType": "Binary.sha", "BinaryValue": "AP8="},
        }
        assert set(letter.attributes) == {*carried, REASON}
        reason = _reason(letter)
        assert (reason["class"], reason["message"]) == ("ValueError", "why it failed")
        assert (reason["task"], reason["receives"]) == ("e2e.fail", 1)
        assert reason["message_id"] == sent["MessageId"]
        assert reason["node"] == socket.gethostname()


def test_failures_are_dropped_where_the_manifest_says_so(tmp_path: Path) -> None:
    table = {"on_failure": "drop", "time_limit": "2s", "max_receives": 2}
    with one_queue(tmp_path, **table) as fleet:
        worker = fleet.start()
        dropped = [fleet.submit(*call)[0] for call in (("e2e.fail",), ("e2e.nap", 60.0))]
        dropped += fleet.submit("e2e.judge", "reject")
        (lost,) = fleet.submit("e2e.die", "kill")
        fleet.send_bodies(["no task"])
        wait_for(fleet.empty, "an empty queue", worker)
        assert {key: fleet.run_counts()[key] for key in dropped} == dict.fromkeys(dropped, 1)
        # Neither failed: what it was is not known to whoever would drop it.
        assert sorted(reason["class"] for reason in fleet.reasons()) == [
            "Undecodable",
            "WorkerLostError",
        ]
        assert fleet.run_counts()[lost] == 2


@pytest.mark.parametrize(
    "limit", [{"max_tasks_per_child": 3}, {"max_memory_per_child": "32MiB"}], ids=str
)
def test_children_are_replaced_and_nothing_is_lost(
    tmp_path: Path, limit: dict[str, object]
) -> None:
    with one_queue(tmp_path, **limit) as fleet:
        worker = fleet.start()
        keys = fleet.submit("e2e.nap", 0.01, count=30)
        keys += fleet.submit("e2e.fail", count=3)
        wait_for(fleet.empty, "an empty queue", worker)
        assert fleet.run_counts() == dict.fromkeys(keys, 1)
        most = max(Counter(run.pid for run in fleet.runs()).values())
        assert most <= int(str(limit.get("max_tasks_per_child", 1)))
        assert len(fleet.dead_letters()) == 3
        status = worker.status()
        assert (status["phase"], status["busy"]) == ("running", 0), worker.log


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_time_limit_that_cannot_end_one_task_ends_the_process(tmp_path: Path, pool: str) -> None:
    with one_queue(tmp_path, pool=pool, concurrency=SLOTS[pool], time_limit="2s") as fleet:
        worker = fleet.start()
        (endless,) = fleet.submit("e2e.nap", 60.0)
        wait_for(fleet.runs, "its start", worker)
        other = fleet.submit("e2e.nap", 1.5, count=2)
        assert worker.wait() == 75, worker.log
        wait_for(lambda: fleet.counts().visible + len(fleet.finished()) >= 2, "the hand-back")
        second = fleet.start()
        wait_for(fleet.empty, "an empty queue", second)
        assert fleet.finished() == set(other)
        assert fleet.run_counts()[endless] == 1
        assert [reason["class"] for reason in fleet.reasons()] == ["TimeLimitExceeded"]


def test_times_and_receives_reach_the_task(tmp_path: Path) -> None:
    with one_queue(tmp_path, pool="threads") as fleet:
        (key,) = fleet.submit("e2e.judge", "requeue")
        (sent_at,) = {one.sent_at_epoch_seconds for one in fleet.sqs.peek(fleet.queue_name)}
        worker = fleet.start()
        wait_for(fleet.empty, "its end", worker)
        runs = [run for run in fleet.runs() if run.key == key]
        assert [run.receive_count for run in runs] == list(range(1, 9))
        for run in runs:
            assert run.sent_timestamp is not None
            assert abs(run.sent_timestamp / 1000 - sent_at) < 0.002
        assert worker.alive()
