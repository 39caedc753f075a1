"""Messages that reach a worker before they are due: sent again with their delay, then deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cloud.engine_bench import DEAD_LETTERS, QUEUE, Bench, bench, task_body, wait_for
from tests.sqs import Fault
from worker.delays import ATTRIBUTE, Waiting

DELAYED = "acme-delayed"
SEND = ("SendMessageBatch",)


def body(task_id: str, due_in_seconds: float, **headers: object) -> str:
    """A task's message with an eta."""
    eta = datetime.now(UTC) + timedelta(seconds=due_in_seconds)
    envelope = json.loads(task_body(task_id))
    envelope["headers"] |= {"eta": eta.isoformat(), **headers}
    return json.dumps(envelope)


def send(on: Bench, message: str, **more: Any) -> None:
    on.client.send_message(QueueUrl=on.url, MessageBody=message, **more)


def with_delay_queue(on: Bench) -> None:
    on.client.create_queue(QueueName=DELAYED)


def test_it_waits_in_its_queue_again_and_takes_no_slot() -> None:
    with bench(slots=1) as on:
        message = body("later", 600)
        send(on, message, MessageAttributes={"tenant": _string("acme")}, MessageGroupId="acme")
        wait_for(lambda: on.counts().delayed == 1 and on.counts().in_flight == 0, "the copy")
        on.send(1, body=task_body("now"))
        assert [held.task_id for held in on.wait_delivered(1)] == ["now"]
        (copy,) = [one for one in on.sqs.peek(QUEUE) if one.state == "delayed"]
        assert copy.body == message
        assert 595 < copy.due_in_seconds <= 600
        assert copy.attributes == {"tenant": _string("acme")}
        assert copy.system_attributes["MessageGroupId"] == "acme"
        assert copy.receive_count == 0


def test_one_that_is_due_in_hours_waits_in_the_delay_queue() -> None:
    with bench() as on:
        with_delay_queue(on)
        send(on, body("later", 7200), MessageAttributes={"tenant": _string("acme")})
        on.wait_empty()
        (copy,) = on.sqs.peek(DELAYED)
        assert copy.attributes["tenant"] == _string("acme")
        waiting = Waiting.read(copy.attributes[ATTRIBUTE]["StringValue"])
        assert waiting is not None
        assert (waiting.queue, waiting.task, waiting.task_id) == ("work", "work.do", "later")
        assert 890 < copy.due_in_seconds <= 900


def test_one_whose_time_has_come_is_given_at_once_without_its_eta() -> None:
    """Celery would run one with an eta through its timer, and raise the number of slots."""
    with bench() as on:
        send(on, body("past", -5))
        (held,) = on.wait_delivered(1)
        assert on.payloads[0]["headers"]["eta"] is None
        assert held.eta_epoch_seconds is not None
        assert held.due_at_epoch_seconds == held.sent_at_epoch_seconds  # due before it was sent


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", code="InternalError", actions=SEND, calls=1),
        Fault("entries", code="InternalError", actions=SEND, calls=1),
        Fault("error", code="InternalError", actions=("DeleteMessageBatch",), calls=1),
        Fault("answer_lost", actions=("DeleteMessageBatch",), calls=1),
    ],
)
def test_nothing_is_lost_where_a_call_fails(fault: Fault) -> None:
    with bench() as on:
        on.sqs.add_fault(fault)
        send(on, body("later", 600))
        wait_for(lambda: on.counts().delayed == 1 and on.counts().present == 1, "the copy alone")


def test_without_a_delay_queue_it_waits_in_its_own_a_quarter_of_an_hour_at_a_time() -> None:
    """And the worker does not go deaf over it."""
    with bench(slots=1) as on:
        send(on, body("later", 7200))
        wait_for(lambda: on.counts().delayed == 1 and on.counts().in_flight == 0, "the copy")
        (copy,) = on.sqs.peek(QUEUE)
        assert copy.attributes == {}
        assert 890 < copy.due_in_seconds <= 900
        on.sqs.advance(901)
        wait_for(lambda: on.counts().sent == 3 and on.counts().present == 1, "the next copy")
        on.send(1, body=task_body("now"))
        assert [held.task_id for held in on.wait_delivered(1)] == ["now"]


def test_one_that_leaves_no_room_for_what_the_delay_queue_needs_waits_in_its_own() -> None:
    with bench() as on:
        with_delay_queue(on)
        ten = {f"a{i}": _string("v") for i in range(10)}
        send(on, body("later", 7200), MessageAttributes=ten)
        wait_for(lambda: on.counts().delayed == 1 and on.counts().in_flight == 0, "the copy")
        (copy,) = on.sqs.peek(QUEUE)
        assert copy.attributes == ten
        assert 890 < copy.due_in_seconds <= 900


def test_one_that_is_due_in_years_is_a_dead_letter() -> None:
    with bench() as on:
        send(on, body("much later", 400 * 86400))
        on.wait_empty()
        (reason,) = on.reasons()
        assert (reason["class"], reason["id"]) == ("TooFarAhead", "much later")
        assert "expected at most 366 days" in reason["message"]


def test_a_message_outlives_its_delay_where_its_queue_keeps_it_briefly() -> None:
    with bench(retention="2m") as on:
        with_delay_queue(on)
        send(on, body("later", 100))
        on.wait_empty()
        (copy,) = on.sqs.peek(DELAYED)
        assert 35 < copy.due_in_seconds <= 40  # 60 s are half of what its queue keeps
        assert on.sqs.counts(DEAD_LETTERS).present == 0


def _string(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}
