"""One set of tests against two servers: moto's and the project's own, where moto follows AWS.

Whatever both pass, the stricter server models at least as well as moto. The parts about queues and
about batches are ``tests/sqs/test_conformance_*.py``; what only ours models (stale handles, the
dead poll, faults, the clock) is tested beside them.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.sqs.callers import (
    SERVERS,
    attributes_of,
    code_of,
    make_client,
    new_queue,
    receive,
    running,
    send_all,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture(scope="module", params=SERVERS)
def sqs(request: pytest.FixtureRequest) -> Iterator[SQSClient]:
    with running(request.param) as url:
        yield make_client(url)


# -- one message ------------------------------------------------------------------------------


def test_send_receive_delete(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    body = "grüße, 世界 🚀 <&>\n"
    sent = sqs.send_message(QueueUrl=url, MessageBody=body)
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    (message,) = receive(sqs, url)
    assert message["Body"] == body
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert set(message) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}
    assert receive(sqs, url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    found = attributes_of(sqs, url)
    assert found["ApproximateNumberOfMessages"] == "0"
    assert found["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_an_empty_receive_has_no_messages_key(sqs: SQSClient) -> None:
    assert "Messages" not in sqs.receive_message(QueueUrl=new_queue(sqs))


def test_deleting_twice_with_the_newest_handle_succeeds(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_string_that_is_no_receipt_handle_is_refused(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="no-such-handle")
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle="no-such-handle", VisibilityTimeout=0
        )


def test_message_attributes_come_back_with_their_digest(sqs: SQSClient) -> None:
    """The digest was computed by hand from the developer guide's description."""
    url = new_queue(sqs)
    given: Any = {
        "reason": {"DataType": "String", "StringValue": "TimeLimit"},
        "reason.node": {"DataType": "String", "StringValue": "i-1"},
        "tries": {"DataType": "Number", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    raw = b""
    for name in sorted(given):
        value = given[name]
        bare = value.get("BinaryValue") or value["StringValue"].encode()
        for part in (name.encode(), value["DataType"].encode()):
            raw += len(part).to_bytes(4, "big") + part
        raw += b"\x02" if "BinaryValue" in value else b"\x01"
        raw += len(bare).to_bytes(4, "big") + bare
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=given)
    assert sent["MD5OfMessageAttributes"] == hashlib.md5(raw).hexdigest()
    (message,) = receive(sqs, url, MessageAttributeNames=["All"])
    assert message["MessageAttributes"] == given
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], set()),
        (["tries"], {"tries"}),
        (["reason.*"], {"reason.class", "reason.node"}),
        ([".*"], {"reason.class", "reason.node", "tries"}),
        (["absent"], set()),
    ],
)
def test_message_attributes_come_by_name(
    sqs: SQSClient, asked: list[str], expected: set[str]
) -> None:
    url = new_queue(sqs)
    names = ("reason.class", "reason.node", "tries")
    sqs.send_message(
        QueueUrl=url,
        MessageBody="x",
        MessageAttributes={n: {"DataType": "String", "StringValue": "v"} for n in names},
    )
    (message,) = receive(sqs, url, MessageAttributeNames=asked)
    assert set(message.get("MessageAttributes", {})) == expected


def test_system_attributes_come_by_name(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    before = int(time.time() * 1000)
    send_all(sqs, url, "x")
    (message,) = receive(
        sqs, url, MessageSystemAttributeNames=["SentTimestamp"], VisibilityTimeout=0
    )
    assert set(message["Attributes"]) == {"SentTimestamp"}
    assert before - 10 <= int(message["Attributes"]["SentTimestamp"]) <= time.time() * 1000 + 10
    (message,) = receive(sqs, url, AttributeNames=["All"])
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    assert {"SenderId", "ApproximateFirstReceiveTimestamp"} <= set(message["Attributes"])


def test_a_body_of_one_mebibyte_is_taken_and_one_byte_more_is_not(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x" * 1_048_576)
    (message,) = receive(sqs, url)
    assert len(message["Body"]) == 1_048_576
    with pytest.raises(ClientError) as raised:
        send_all(sqs, url, "x" * 1_048_577)
    assert code_of(raised) == "InvalidParameterValue"


def test_the_queues_own_size_limit(sqs: SQSClient) -> None:
    url = new_queue(sqs, MaximumMessageSize="1024")
    send_all(sqs, url, "x" * 1024)
    with pytest.raises(ClientError) as raised:
        send_all(sqs, url, "x" * 1025)
    assert code_of(raised) == "InvalidParameterValue"


def test_a_delay_over_900_seconds_is_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=new_queue(sqs), MessageBody="x", DelaySeconds=901)
    assert code_of(raised) == "InvalidParameterValue"


# -- time: visibility, delay, long polls, redrive ------------------------------------------------


def test_a_lapsed_visibility_timeout_shows_the_message_again(sqs: SQSClient) -> None:
    """The receive's own timeout wins over the queue's."""
    url = new_queue(sqs, VisibilityTimeout="600")
    send_all(sqs, url, "x")
    (first,) = receive(sqs, url, VisibilityTimeout=1)
    assert attributes_of(sqs, url)["ApproximateNumberOfMessagesNotVisible"] == "1"
    started = time.monotonic()
    (second,) = receive(sqs, url, WaitTimeSeconds=10)
    assert 0.7 < time.monotonic() - started < 5
    assert second["MessageId"] == first["MessageId"]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert receive(sqs, url) == []


def test_visibility_zero_shows_the_message_at_once(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    (again,) = receive(sqs, url)
    assert again["MessageId"] == message["MessageId"]


def test_a_longer_visibility_timeout_outlives_the_first(sqs: SQSClient) -> None:
    url = new_queue(sqs, VisibilityTimeout="1")
    send_all(sqs, url, "kept", "lapsing")
    handles = {
        message["Body"]: message["ReceiptHandle"]
        for message in receive(sqs, url, MaxNumberOfMessages=10)
    }
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handles["kept"], VisibilityTimeout=60)
    messages = receive(sqs, url, MaxNumberOfMessages=10, WaitTimeSeconds=10, VisibilityTimeout=60)
    assert [message["Body"] for message in messages] == ["lapsing"]
    assert receive(sqs, url) == []


def test_a_delayed_message_is_counted_apart_and_arrives(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=1)
    assert receive(sqs, url) == []
    found = attributes_of(sqs, url)
    assert found["ApproximateNumberOfMessagesDelayed"] == "1"
    assert found["ApproximateNumberOfMessages"] == "0"
    (message,) = receive(sqs, url, WaitTimeSeconds=10)
    assert message["Body"] == "x"


def test_the_queues_delay_applies_unless_the_message_has_its_own(sqs: SQSClient) -> None:
    url = new_queue(sqs, DelaySeconds="600")
    send_all(sqs, url, "late")
    sqs.send_message(QueueUrl=url, MessageBody="now", DelaySeconds=0)
    assert [message["Body"] for message in receive(sqs, url, MaxNumberOfMessages=10)] == ["now"]


def test_a_long_poll_is_woken_by_a_message(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    other = make_client(sqs.meta.endpoint_url)
    timer = threading.Timer(0.3, send_all, (other, url, "x"))
    timer.start()
    started = time.monotonic()
    (message,) = receive(sqs, url, WaitTimeSeconds=20)
    assert message["Body"] == "x"
    assert 0.2 < time.monotonic() - started < 5
    timer.join()


def test_a_long_poll_of_an_empty_queue_waits_its_time(sqs: SQSClient) -> None:
    url = new_queue(sqs, ReceiveMessageWaitTimeSeconds="1")
    started = time.monotonic()
    assert receive(sqs, url) == []
    assert time.monotonic() - started >= 1
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"ReceiveMessageWaitTimeSeconds": "20"})
    started = time.monotonic()
    assert receive(sqs, url, WaitTimeSeconds=0) == []
    assert time.monotonic() - started < 10


def test_redrive_after_max_receives(sqs: SQSClient) -> None:
    dead = new_queue(sqs)
    policy = {"deadLetterTargetArn": attributes_of(sqs, dead)["QueueArn"], "maxReceiveCount": 2}
    url = new_queue(sqs, RedrivePolicy=json.dumps(policy))
    assert json.loads(attributes_of(sqs, url)["RedrivePolicy"]) == policy
    given: Any = {"k": {"DataType": "String", "StringValue": "v"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=given)
    for _ in range(2):
        (message,) = receive(sqs, url, VisibilityTimeout=0, AttributeNames=["SentTimestamp"])
    assert receive(sqs, url) == []
    (dead_letter,) = receive(
        sqs, dead, AttributeNames=["SentTimestamp"], MessageAttributeNames=["All"]
    )
    assert dead_letter["MessageId"] == sent["MessageId"]
    assert dead_letter["MessageAttributes"] == given
    assert dead_letter["Attributes"] == message["Attributes"]


def test_purge(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "a", "b")
    receive(sqs, url)
    sqs.purge_queue(QueueUrl=url)
    assert receive(sqs, url) == []
    assert attributes_of(sqs, url)["ApproximateNumberOfMessagesNotVisible"] == "0"
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=url)


@pytest.mark.parametrize("number", [0, 11])
def test_a_receive_takes_one_to_ten_messages(sqs: SQSClient, number: int) -> None:
    with pytest.raises(ClientError) as raised:
        receive(sqs, new_queue(sqs), MaxNumberOfMessages=number)
    assert code_of(raised) == "InvalidParameterValue"


def test_a_wait_over_20_seconds_is_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError) as raised:
        receive(sqs, new_queue(sqs), WaitTimeSeconds=21)
    assert code_of(raised) == "InvalidParameterValue"
