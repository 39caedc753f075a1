"""`once` in real workers: what comes twice has its effect once, but for one gap that is shown."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.aws import local_aws
from tests.e2e.fleet import wait_for
from tests.e2e.once_fleet import OnceFleet, once_fleet
from tests.faulty import Fault
from tests.sqs import Fault as SqsFault

FAULTS = ("status", "error", "lost", "cut", "slow")
RECORD = Fault("silent", action="PutItem", contains='"done"')


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnceFleet]:
    folder = tmp_path_factory.mktemp("once")
    with local_aws(folder, lambda: None) as aws, once_fleet(folder, aws, lease="5s") as once:
        yield once


@pytest.fixture
def once(shared: OnceFleet) -> Iterator[OnceFleet]:
    with shared.one_test():
        yield shared


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """What an effect waits for, once it is there."""
    return tmp_path / "gate"


def test_one_call_before_and_one_after(once: OnceFleet) -> None:
    once.start()
    keys = once.fleet.submit("e2e.send_once", count=20)
    wait_for(once.fleet.empty, "an empty queue")
    assert once.effects() == dict.fromkeys(keys, 1)
    assert [call.action for call in once.proxy.calls()] == ["PutItem"] * 40


def test_a_message_that_comes_back_after_its_end_is_answered(once: OnceFleet) -> None:
    once.fleet.sqs.add_fault(SqsFault("status", status=503, actions=("DeleteMessageBatch",)))
    first = once.start()
    (key,) = once.fleet.submit("e2e.step_once", "one")
    wait_for(once.answers, "the first run", first)
    once.fleet.kill(first)
    once.fleet.sqs.clear_faults()
    once.start()
    wait_for(once.fleet.empty, "an empty queue")
    assert once.effects() == {key: 1}
    assert [line["answer"] for line in once.lines("answer")] == [key, key]


def test_a_kill_between_effect_and_record_is_the_one_gap(once: OnceFleet) -> None:
    once.proxy.fail(RECORD)
    first = once.start()
    (key,) = once.fleet.submit("e2e.send_once")
    wait_for(lambda: once.proxy.count("PutItem") == 2, "a record that is not answered", first)
    claim = once.item(f"send:{key}")
    lasts = float(claim["until"]["N"]) - float(claim["claimed"]["N"])
    assert round(lasts, 3) == 605  # the queue's time limit and its lease
    once.fleet.kill(first)
    once.proxy.clear()
    second = once.start()
    wait_for(once.fleet.empty, "an empty queue", second)
    assert once.effects() == {key: 2}
    assert (
        f"once send:{key}: an earlier run did not finish: its effect may come twice" in second.log
    )


def test_a_killed_child_hands_its_claim_to_the_next_receive(once: OnceFleet, gate: Path) -> None:
    worker = once.start("-c", "1")
    (key,) = once.fleet.submit("e2e.die_once", str(gate))
    wait_for(once.fleet.empty, "an empty queue", worker)
    first, second = once.lines("start")
    assert second["receive_count"] == first["receive_count"] + 1
    assert once.effects() == {key: 1}
    assert f"once die:{key}: an earlier run did not finish" in worker.log


def test_another_message_with_the_key_waits_for_the_result(once: OnceFleet, gate: Path) -> None:
    worker = once.start("-c", "2")
    (first,) = once.fleet.submit("e2e.step_once", "both", str(gate))
    wait_for(once.effects, "an effect", worker)
    (second,) = once.fleet.submit("e2e.step_once", "both", str(gate))
    wait_for(lambda: once.proxy.count("PutItem") > 3, "a second that looks", worker)
    gate.touch()
    wait_for(once.fleet.empty, "an empty queue", worker)
    assert once.effects() == {first: 1}
    assert once.answers() == {first: first, second: first}


def test_a_task_that_does_not_wait_comes_back_later(once: OnceFleet, gate: Path) -> None:
    worker = once.start("-c", "2")
    (first,) = once.fleet.submit("e2e.patient_once", "later", str(gate))
    wait_for(once.effects, "an effect", worker)
    (second,) = once.fleet.submit("e2e.patient_once", "later")
    wait_for(lambda: once.fleet.run_counts()[second] > 1, "a second try", worker)
    gate.touch()
    wait_for(once.fleet.empty, "an empty queue", worker)
    assert once.effects() == {first: 1}
    assert once.answers() == {first: first, second: first}


def test_a_retry_has_the_claim_that_the_failed_run_gave_up(once: OnceFleet) -> None:
    worker = once.start()
    (key,) = once.fleet.submit("e2e.fail_once")
    wait_for(once.fleet.empty, "an empty queue", worker)
    assert (once.fleet.run_counts()[key], once.effects()) == (3, {key: 1})


def test_a_lost_lease_loses_the_claim(once: OnceFleet, gate: Path) -> None:
    first = once.start("-c", "1")
    (key,) = once.fleet.submit("e2e.step_once", "lost", str(gate))
    wait_for(once.effects, "an effect", first)
    os.killpg(first.process.pid, signal.SIGSTOP)
    second = once.start("-c", "1")
    wait_for(lambda: once.effects()[key] == 2, "a second run, after the lease", second)
    gate.touch()
    wait_for(once.answers, "the second's result", second)
    os.killpg(first.process.pid, signal.SIGCONT)
    wait_for(lambda: "once step:lost: done twice" in first.log, "a claim found lost", first)
    wait_for(once.fleet.empty, "an empty queue", first)
    assert once.effects() == {key: 2}


def test_a_soft_time_limit_before_the_effect_and_after_it(once: OnceFleet) -> None:
    dead = len(once.fleet.dead_letters())
    once.proxy.fail(Fault("silent", action="PutItem", contains="limited:", calls=1))
    worker = once.start()
    once.fleet.submit("e2e.limited_once")
    wait_for(lambda: len(once.fleet.dead_letters()) > dead, "one told to end before", worker)
    assert once.fleet.reasons()[dead]["class"] == "SoftTimeLimitExceeded"
    assert once.effects() == {}
    once.proxy.clear()
    once.proxy.fail(Fault("silent", action="PutItem", contains='"done"', calls=1))
    (key,) = once.fleet.submit("e2e.limited_once")
    wait_for(lambda: len(once.fleet.dead_letters()) > dead + 1, "one told to end after", worker)
    assert once.fleet.reasons()[dead + 1]["class"] == "SoftTimeLimitExceeded"
    once.proxy.clear()
    once.fleet.send_bodies([once.fleet.dead_letters()[dead + 1].body])
    wait_for(once.fleet.empty, "an empty queue", worker)
    assert once.effects() == {key: 1}


def test_faults_of_dynamodb_cost_no_effect_and_no_task_in_any_pool(once: OnceFleet) -> None:
    workers = [once.start("-P", pool) for pool in ("prefork", "threads", "solo")]
    for skip, kind in enumerate(FAULTS * 4):
        once.proxy.fail(Fault(kind, action="PutItem", skip=2 * skip, calls=1, seconds=0.5))
    keys: list[str] = []

    def every_pool_had_one() -> bool:
        keys.extend(once.fleet.submit("e2e.send_once", 0.1, count=10))
        wait_for(once.fleet.empty, "an empty queue")
        processes = {pid for line in once.lines("effect") for pid in (line["pid"], line["ppid"])}
        return all(worker.process.pid in processes for worker in workers)

    wait_for(every_pool_had_one, "an effect by each pool")
    assert once.effects() == dict.fromkeys(keys, 1)
    assert {call.struck for call in once.proxy.calls()} == {*FAULTS, None}
    for key in keys:
        # Each pool knows the message that it is at: its claims can be taken over.
        item = once.item(f"send:{key}")
        assert json.loads(item["result"]["S"]) == {"by": item["message"]["S"]}
