"""The clock that turns: visibility, delay, retention, and the minutes after delete and purge."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.sqs import Control, ControlError
from tests.sqs.callers import attributes_of, name_of, new_queue, receive, send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def test_visibility_lapses_by_the_clock(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs, VisibilityTimeout="3600")
    send_all(sqs, url, "x")
    receive(sqs, url)
    control.advance(3590)
    assert receive(sqs, url) == []
    control.advance(11)
    assert len(receive(sqs, url)) == 1


def test_renewing_moves_the_end_and_the_first_end_passes_unnoticed(
    sqs: SQSClient, control: Control
) -> None:
    url = new_queue(sqs, VisibilityTimeout="60")
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    for _ in range(5):
        control.advance(50)
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=60
        )
    control.advance(50)
    assert control.counts(name_of(url)).in_flight == 1
    control.advance(11)
    assert control.counts(name_of(url)).visible == 1


def test_a_delay_ends_by_the_clock(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=900)
    control.advance(890)
    counts = control.counts(name_of(url))
    assert (counts.delayed, counts.visible) == (1, 0)
    control.advance(11)
    assert len(receive(sqs, url)) == 1


def test_timestamps_follow_the_clock(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs)
    control.advance(7200)
    send_all(sqs, url, "x")
    control.advance(100)
    (message,) = receive(sqs, url, AttributeNames=["All"])
    sent = int(message["Attributes"]["SentTimestamp"]) / 1000
    received = int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000
    assert sent == pytest.approx(time.time() + 7200, abs=5)
    assert received - sent == pytest.approx(100, abs=5)


@pytest.mark.parametrize("in_flight", [False, True])
def test_messages_past_their_retention_disappear(
    sqs: SQSClient, control: Control, in_flight: bool
) -> None:
    """API reference, DeleteMessage: what is left longer than the retention period is deleted,
    whether anyone has it in flight or not.
    """
    url = new_queue(sqs, MessageRetentionPeriod="60", VisibilityTimeout="600")
    send_all(sqs, url, "old")
    if in_flight:
        receive(sqs, url)
    control.advance(40)
    send_all(sqs, url, "young")
    control.advance(21)
    assert [message.body for message in control.peek(name_of(url))] == ["young"]
    assert control.counts(name_of(url)).expired == 1


def test_a_new_retention_period_applies_to_what_is_there(sqs: SQSClient, control: Control) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    control.advance(100)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    assert control.counts(name_of(url)).present == 0


def test_a_dead_letter_expires_from_when_it_was_first_sent(
    sqs: SQSClient, control: Control
) -> None:
    """Developer guide, dead-letter queue retention: on standard queues the move keeps the time of
    the first send, and expiry counts from it. Hence the rule that they must keep messages longer.
    """
    dead = new_queue(sqs, MessageRetentionPeriod="120")
    arn = attributes_of(sqs, dead)["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = new_queue(sqs, MessageRetentionPeriod="120", RedrivePolicy=policy)
    send_all(sqs, url, "x")
    receive(sqs, url, VisibilityTimeout=0)
    control.advance(100)
    assert receive(sqs, url) == []
    assert control.counts(name_of(dead)).visible == 1
    control.advance(21)
    assert control.counts(name_of(dead)).present == 0


def test_a_deleted_queues_name_is_free_after_60_seconds(sqs: SQSClient, control: Control) -> None:
    """API reference, CreateQueue: QueueDeletedRecently for 60 seconds."""
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        sqs.create_queue(QueueName=name_of(url))
    control.advance(60)
    assert sqs.create_queue(QueueName=name_of(url))["QueueUrl"] == url
    assert control.counts(name_of(url)).present == 0


def test_a_queue_can_be_purged_once_a_minute(sqs: SQSClient, control: Control) -> None:
    """API reference, PurgeQueue: PurgeQueueInProgress within 60 seconds of the last one."""
    url = new_queue(sqs)
    sqs.purge_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=url)
    control.advance(60)
    sqs.purge_queue(QueueUrl=url)


def test_the_clock_does_not_turn_back(control: Control) -> None:
    with pytest.raises(ControlError, match="expected seconds >= 0, got -1"):
        control.advance(-1)
