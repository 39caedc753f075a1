"""`ops queues forward`: as a loop, as a pass, as a Lambda; any number; through errors."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import QUEUE, wait_for
from tests.e2e.later import DELAYED, Later, end, later
from tests.sqs import Fault
from worker.delays import ATTRIBUTE, Waiting

JUNK = f"{DELAYED}-dlq"
HOUR = 3600

LAMBDA = """
import json
import sys

from ops.queues.forward_lambda import handler

class Context:
    def get_remaining_time_in_millis(self):
        return int(sys.argv[1]) * 1000

print(json.dumps(handler({}, Context())))
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Later]:
    """A fleet without workers and without DynamoDB."""
    with later(tmp_path_factory.mktemp("forward"), aws=False) as on:
        # The poll of a forwarder that one test ended must not take another test's messages.
        on.fleet.sqs.configure(hang_up_hides=False)
        yield on


@pytest.fixture
def on(fleet: Later) -> Iterator[Later]:
    """The fleet, its queues empty at the start and no forwarder left at the end."""
    fleet.turn(61)  # SQS purges a queue once a minute
    for name in (DELAYED, JUNK, fleet.fleet.queue_name):
        client = fleet.fleet.client
        client.purge_queue(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"])
    yield fleet
    fleet.fleet.stop_all()
    fleet.fleet.workers.clear()
    fleet.fleet.sqs.clear_faults()
    fleet.fleet.sqs.delay(0)


def put(on: Later, count: int, due_in_seconds: float, queue: str = QUEUE) -> None:
    """Put waiting tasks into the delay queue, shown at once."""
    url = on.fleet.client.get_queue_url(QueueName=DELAYED)["QueueUrl"]
    due = on.clock.time() + due_in_seconds
    for start in range(0, count, 10):
        entries = [
            {
                "Id": str(i),
                "MessageBody": f"body-{start + i}",
                "MessageGroupId": "acme",
                "MessageAttributes": {
                    "tenant": {"DataType": "String", "StringValue": "acme"},
                    ATTRIBUTE: {
                        "DataType": "String",
                        "StringValue": Waiting(queue, "e2e.due", f"id-{start + i}", due).text(),
                    },
                },
            }
            for i in range(min(10, count - start))
        ]
        assert not on.fleet.client.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def arrived(on: Later) -> Counter[str]:
    return Counter(one.body for one in on.fleet.sqs.peek(on.fleet.queue_name))


def once(on: Later) -> dict[str, Any]:
    done = on.ops("queues", "forward", "--once", "--json")
    assert done.returncode == 0, done.stderr
    counts: dict[str, Any] = json.loads(done.stdout)
    return counts


def moved(**counts: int) -> dict[str, int]:
    return {"delivered": 0, "hidden": 0, "renewed": 0, "refused": 0, "failed": 0, **counts}


def test_a_pass_moves_on_what_is_shown_and_ends(on: Later) -> None:
    assert once(on) == moved()
    put(on, 25, due_in_seconds=600)
    put(on, 3, due_in_seconds=10 * HOUR)
    assert once(on) == moved(delivered=25, hidden=3)
    assert arrived(on) == {f"body-{i}": 1 for i in range(25)}
    (one, *_) = on.fleet.sqs.peek(on.fleet.queue_name)
    assert one.attributes == {"tenant": {"DataType": "String", "StringValue": "acme"}}
    assert one.system_attributes["MessageGroupId"] == "acme"
    assert 560 < one.due_in_seconds <= 600
    hidden = on.fleet.sqs.peek(DELAYED)
    assert {one.state for one in hidden} == {"in_flight"}
    assert all(9 * HOUR < one.due_in_seconds <= 10 * HOUR - 900 for one in hidden)


def invoked(on: Later, seconds: int = 60) -> subprocess.CompletedProcess[str]:
    """Run the Lambda, with so long until it is ended."""
    return subprocess.run(
        [sys.executable, "-c", LAMBDA, str(seconds)],
        env=on.fleet.env(AWS_ENDPOINT_URL=on.aws_url),
        cwd=on.fleet.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_lambda_does_the_same(on: Later) -> None:
    put(on, 15, due_in_seconds=60)
    done = invoked(on)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == moved(delivered=15)
    assert sum(arrived(on).values()) == 15


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            Fault("entries", actions=("SendMessageBatch",), entries=4, calls=1),
            "OpsError: 4 messages could not be moved on and are tried again, 6 were delivered: ",
        ),
        (
            Fault("error", code="AccessDenied", actions=("SendMessageBatch",)),
            "OpsError: 10 messages could not be moved on and are tried again, 0 were delivered: ",
        ),
        (Fault("status", status=500, actions=("ReceiveMessage",)), "ClientError: "),
    ],
    ids=["some", "denied", "no answer"],
)
def test_what_the_lambda_leaves_behind_is_an_error(on: Later, fault: Fault, said: str) -> None:
    """Otherwise no alarm rings while what is due gets late."""
    put(on, 10, due_in_seconds=300)
    on.fleet.sqs.add_fault(fault)
    done = invoked(on, seconds=18)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr.splitlines()[-1]


def test_several_at_once_send_each_message_once(on: Later) -> None:
    forwarders = [on.forwarder(ready=False) for _ in range(3)]
    put(on, 400, due_in_seconds=300)
    wait_for(lambda: on.waiting().present == 0, "all to be moved on", forwarders[0])
    assert arrived(on) == {f"body-{i}": 1 for i in range(400)}
    assert on.waiting().stale_handles == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_it_ends_in_order(on: Later, number: signal.Signals, status: int) -> None:
    """What is in hand is sent and deleted; what is not is left to another."""
    on.fleet.sqs.delay(0.2, actions=["SendMessageBatch", "DeleteMessageBatch"])
    put(on, 100, due_in_seconds=300)
    forwarder = on.forwarder("--json", ready=False)
    wait_for(lambda: on.fleet.counts().present > 0, "the first to arrive", forwarder)
    assert end(forwarder, number) == status
    assert "Traceback" not in forwarder.log
    counts = json.loads(forwarder.log[forwarder.log.index("{") :])
    assert counts["delivered"] == sum(arrived(on).values())
    assert counts["delivered"] + on.waiting().present == 100
    assert set(arrived(on).values()) == {1}


def test_idle_it_costs_one_long_poll(on: Later) -> None:
    forwarder = on.forwarder()
    wait_for(lambda: on.waiting().open_polls == 1, "its poll", forwarder)
    before = on.fleet.sqs.calls().requests(queue=DELAYED)
    on.turn(HOUR)
    other = on.forwarder()  # takes longer to start than a second poll would take to come
    wait_for(lambda: on.waiting().open_polls == 2, "the other's poll", other)
    assert on.fleet.sqs.calls().requests(queue=DELAYED) == before + 2  # its URL and its poll


def test_what_is_no_task_is_kept_where_an_operator_finds_it(on: Later) -> None:
    put(on, 1, due_in_seconds=-1, queue="gone")
    put(on, 1, due_in_seconds=500 * 86400)
    url = on.fleet.client.get_queue_url(QueueName=DELAYED)["QueueUrl"]
    on.fleet.client.send_message(QueueUrl=url, MessageBody="junk")
    done = on.ops("queues", "forward", "--once")
    assert done.returncode == 0
    assert done.stdout == "0 delivered, 0 hidden, 0 renewed, 3 refused, 0 failed\n"
    assert "dead letter: e2e.due[id-0]: UnknownQueue" in done.stderr
    letters = on.fleet.sqs.peek(JUNK)
    reasons = [json.loads(one.attributes["fleet.reason"]["StringValue"]) for one in letters]
    assert {(one["class"], one["task"]) for one in reasons} == {
        ("UnknownQueue", "e2e.due"),
        ("TooFarAhead", "e2e.due"),
        ("Undecodable", "(undecodable)"),
    }
    assert on.waiting().present == 0


def test_a_task_sent_there_by_hand_goes_to_its_queue(on: Later) -> None:
    """Without the attribute its body says where and when."""
    on.publish({"by hand": 700})
    (message,) = on.fleet.sqs.peek(on.fleet.queue_name)
    url = on.fleet.client.get_queue_url(QueueName=DELAYED)["QueueUrl"]
    on.fleet.client.send_message(QueueUrl=url, MessageBody=message.body)
    assert once(on) == moved(delivered=1)
    assert arrived(on) == {message.body: 2}


def test_what_cannot_be_sent_is_tried_again(on: Later) -> None:
    put(on, 10, due_in_seconds=300)
    target = (on.fleet.queue_name,)
    send = ("SendMessageBatch",)
    on.fleet.sqs.add_fault(Fault("entries", actions=send, queues=target, entries=4, calls=1))
    done = on.ops("queues", "forward", "--once", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == moved(delivered=6, failed=4)
    assert "cannot send to e2e-work 4 messages, trying again" in done.stderr
    on.fleet.sqs.add_fault(Fault("error", code="InternalError", actions=send, calls=1))
    on.turn(31)
    assert json.loads(on.ops("queues", "forward", "--once", "--json").stdout) == moved(failed=4)
    on.turn(31)
    assert once(on) == moved(delivered=4)
    assert arrived(on) == {f"body-{i}": 1 for i in range(10)}


@pytest.mark.parametrize("kind", ["entries", "answer_lost"])
def test_a_delete_that_fails_does_not_make_it_come_twice(on: Later, kind: Any) -> None:
    put(on, 10, due_in_seconds=300)
    code: dict[str, Any] = {"code": "InternalError"} if kind == "entries" else {}
    on.fleet.sqs.add_fault(Fault(kind, actions=("DeleteMessageBatch",), calls=2, **code))
    assert once(on) == moved(delivered=10)
    assert on.waiting().present == 0
    assert set(arrived(on).values()) == {1}


def test_without_a_delay_queue_it_says_what_to_do(tmp_path: Path) -> None:
    with later(tmp_path, aws=False) as on:
        url = on.fleet.client.get_queue_url(QueueName=DELAYED)["QueueUrl"]
        on.fleet.client.delete_queue(QueueUrl=url)
        for command in (("forward", "--once"), ("delayed",)):
            done = on.ops("queues", *command)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.splitlines()[-1] == (
                "e2e-delayed: expected in SQS, not found there: "
                "create it with ops queues apply --yes"
            )


def test_without_a_table_it_moves_on_and_says_so_once(on: Later) -> None:
    put(on, 40, due_in_seconds=10 * HOUR)
    forwarder = on.forwarder(ready=False)
    wait_for(lambda: on.waiting().in_flight == 40, "all to be looked at", forwarder)
    put(on, 1, due_in_seconds=60)
    wait_for(lambda: len(arrived(on)) == 1, "one to be moved on", forwarder)
    wait_for(lambda: "moved on all the same" in forwarder.log, "its word", forwarder)
    assert end(forwarder, signal.SIGTERM) == 0
    assert forwarder.log.count("moved on all the same") == 1
