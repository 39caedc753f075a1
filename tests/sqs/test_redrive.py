"""Redrive to the dead-letter queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sqs import Control
from tests.sqs.callers import attributes_of, name_of, new_queue, receive, send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def policy(sqs: SQSClient, dead: str, max_receive_count: object) -> str:
    arn = attributes_of(sqs, dead)["QueueArn"]
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": max_receive_count})


@pytest.fixture
def dead(sqs: SQSClient) -> str:
    return new_queue(sqs)


def test_a_message_moves_when_it_would_be_received_once_too_often(
    sqs: SQSClient, control: Control, dead: str
) -> None:
    """API reference, RedrivePolicy: it moves when its receive count would exceed maxReceiveCount,
    which is at the next receive, not when its visibility timeout lapses.
    """
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, 1))
    sqs.send_message(
        QueueUrl=url,
        MessageBody="x",
        MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}},
    )
    (message,) = receive(sqs, url, VisibilityTimeout=10, AttributeNames=["SentTimestamp"])
    control.advance(11)
    assert control.counts(name_of(url)).visible == 1
    assert receive(sqs, url) == []

    source, target = control.counts(name_of(url)), control.counts(name_of(dead))
    assert (source.present, source.redriven) == (0, 1)
    assert (target.visible, target.arrived_by_redrive) == (1, 1)
    (dead_letter,) = receive(sqs, dead, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert dead_letter["MessageId"] == message["MessageId"]
    assert dead_letter["MessageAttributes"]["k"]["StringValue"] == "v"
    found = dead_letter["Attributes"]
    assert found["SentTimestamp"] == message["Attributes"]["SentTimestamp"]
    assert found["ApproximateReceiveCount"] == "2"
    assert found["DeadLetterQueueSourceArn"] == attributes_of(sqs, url)["QueueArn"]


def test_a_handle_is_stale_once_the_message_has_moved(
    sqs: SQSClient, control: Control, dead: str
) -> None:
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, 1))
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url, VisibilityTimeout=0)
    receive(sqs, url)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert control.counts(name_of(dead)).visible == 1


def test_a_receive_skips_what_it_moves_and_gives_the_rest(
    sqs: SQSClient, control: Control, dead: str
) -> None:
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, 1))
    send_all(sqs, url, "poison")
    receive(sqs, url, VisibilityTimeout=0)
    send_all(sqs, url, "good")
    messages = receive(sqs, url, MaxNumberOfMessages=10)
    assert [message["Body"] for message in messages] == ["good"]
    assert [message.body for message in control.peek(name_of(dead))] == ["poison"]


def test_a_long_poll_on_the_dead_letter_queue_is_woken(
    sqs: SQSClient, control: Control, dead: str
) -> None:
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, 1))
    send_all(sqs, url, "x")
    receive(sqs, url, VisibilityTimeout=0)
    assert receive(sqs, url) == []
    assert len(receive(sqs, dead, WaitTimeSeconds=20)) == 1


def test_without_its_dead_letter_queue_a_message_stays(
    sqs: SQSClient, control: Control, dead: str
) -> None:
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, 1))
    send_all(sqs, url, "x")
    sqs.delete_queue(QueueUrl=dead)
    for _ in range(3):
        assert len(receive(sqs, url, VisibilityTimeout=0)) == 1


def test_an_empty_policy_ends_redrive(sqs: SQSClient, dead: str) -> None:
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, 1))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in attributes_of(sqs, url)
    send_all(sqs, url, "x")
    for _ in range(3):
        assert len(receive(sqs, url, VisibilityTimeout=0)) == 1


def test_max_receive_count_may_be_a_string(sqs: SQSClient, dead: str) -> None:
    url = new_queue(sqs, RedrivePolicy=policy(sqs, dead, "2"))
    send_all(sqs, url, "x")
    for _ in range(2):
        assert len(receive(sqs, url, VisibilityTimeout=0)) == 1
    assert receive(sqs, url) == []


@pytest.mark.parametrize("count", [0, 1001, "many", "²", None])
def test_max_receive_count_has_bounds(sqs: SQSClient, dead: str, count: object) -> None:
    """Developer guide, dead-letter queues: 1 to 1,000 receives."""
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        new_queue(sqs, RedrivePolicy=policy(sqs, dead, count))


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        '["a list"]',
        '{"maxReceiveCount": 3}',
        '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:no", "maxReceiveCount": 3}',
    ],
)
def test_a_policy_without_a_target_is_refused(sqs: SQSClient, text: str) -> None:
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        new_queue(sqs, RedrivePolicy=text)


def test_a_target_may_refuse_sources(sqs: SQSClient, dead: str) -> None:
    """API reference, RedriveAllowPolicy: denyAll, or byQueue with the sources that may."""
    source = new_queue(sqs)
    allow = {"redrivePermission": "denyAll"}
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(allow)})
    attributes: Any = {"RedrivePolicy": policy(sqs, dead, 3)}
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        sqs.set_queue_attributes(QueueUrl=source, Attributes=attributes)
    by_queue = {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [attributes_of(sqs, source)["QueueArn"]],
    }
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(by_queue)})
    sqs.set_queue_attributes(QueueUrl=source, Attributes=attributes)
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        sqs.set_queue_attributes(QueueUrl=new_queue(sqs), Attributes=attributes)
