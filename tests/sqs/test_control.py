"""Looking at the server without taking part: counters, records, peeking."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.sqs import Control, ControlError, StrictSqs
from tests.sqs.callers import (
    ACCESS_KEY_ID,
    entries,
    make_client,
    name_of,
    new_queue,
    post,
    receive,
    send_all,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def test_calls_are_counted_by_action_queue_and_key(server: StrictSqs, sqs: SQSClient) -> None:
    first, second = new_queue(sqs), new_queue(sqs)
    other = make_client(server.url, access_key_id="AKIDOTHER")
    send_all(sqs, first, "a", "b")
    send_all(other, second, "c")
    sqs.send_message_batch(QueueUrl=second, Entries=entries("d", "e", "f"))
    post(server.url, "Dance", {})
    calls = server.control.calls()
    assert calls.requests("SendMessage") == 3
    assert calls.requests("SendMessage", queue=name_of(first)) == 2
    assert calls.requests(access_key_id="AKIDOTHER") == 1
    assert calls.requests("SendMessageBatch") == 1
    assert calls.entries("SendMessageBatch", queue=name_of(second)) == 3
    assert calls.requests() == 6
    assert calls.answers("SendMessage", "ok") == 3
    assert calls.answers("Dance", "InvalidAction") == 1
    server.control.reset_calls()
    assert server.control.calls().requests() == 0


def test_calls_are_recorded_once_switched_on(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "unrecorded")
    control.record_calls()
    before = time.monotonic()
    sqs.send_message_batch(QueueUrl=url, Entries=entries("a", "b"))
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="no")
    sent, deleted = control.call_records()
    assert (sent.action, sent.queue, sent.entries) == ("SendMessageBatch", name_of(url), 2)
    assert (sent.status, sent.outcome, sent.access_key_id) == (200, "ok", ACCESS_KEY_ID)
    assert before <= sent.started_at <= deleted.started_at <= time.monotonic()
    assert "Boto3" in sent.user_agent
    assert (deleted.status, deleted.outcome) == (400, "ReceiptHandleIsInvalid")
    control.record_calls(False)
    send_all(sqs, url, "unrecorded")
    assert len(control.call_records()) == 2


def test_peeking_receives_nothing(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs, VisibilityTimeout="60")
    sqs.send_message(
        QueueUrl=url,
        MessageBody="flying",
        MessageAttributes={"reason": {"DataType": "String", "StringValue": "late"}},
    )
    receive(sqs, url)
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    send_all(sqs, url, "here")
    flying, later, here = control.peek(name_of(url))
    assert (flying.body, flying.state, flying.receive_count) == ("flying", "in_flight", 1)
    assert flying.attributes["reason"]["StringValue"] == "late"
    assert 50 < flying.due_in_seconds <= 60
    assert (later.body, later.state, later.receive_count) == ("later", "delayed", 0)
    assert 590 < later.due_in_seconds <= 600
    assert (here.body, here.state, here.due_in_seconds) == ("here", "visible", 0.0)
    assert here.sent_at_epoch_seconds == pytest.approx(time.time(), abs=10)
    counts = control.counts(name_of(url))
    assert (counts.visible, counts.in_flight, counts.delayed, counts.present) == (1, 1, 1, 3)
    assert control.queues() == [name_of(url)]


def test_waiting_for_counts_ends_in_words(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    assert control.wait_for(name_of(url), lambda counts: counts.visible == 1).sent == 1
    with pytest.raises(TimeoutError, match=r"after 0\.05 s: Counts\(visible=1"):
        control.wait_for(name_of(url), lambda counts: counts.visible == 2, timeout_seconds=0.05)


def test_what_the_control_side_does_not_know_is_refused(control: Control) -> None:
    with pytest.raises(ControlError, match="one queue named 'absent', found 0"):
        control.counts("absent")
    with pytest.raises(ControlError, match="unknown verb 'dance'"):
        control._ask("dance")
    with pytest.raises(ControlError, match="missing a required argument: 'seconds'"):
        control._ask("advance")
    with pytest.raises(ControlError, match="unknown setting 'mood'"):
        control._ask("configure", settings={"mood": True})
    with pytest.raises(ControlError, match="setting in_flight_limit: expected int"):
        control._ask("configure", settings={"in_flight_limit": True})
    with pytest.raises(ControlError, match="unknown key colour"):
        control._ask("add_fault", fault={"kind": "silent", "colour": "red"})
