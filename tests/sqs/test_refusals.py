"""What the server does not know or SQS does not allow is refused, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.sqs import Control, StrictSqs
from tests.sqs.callers import code_of, new_queue, post, receive, send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def url(sqs: SQSClient) -> str:
    return new_queue(sqs)


@pytest.mark.parametrize(
    ("action", "body", "kind"),
    [
        ("Dance", {}, "UnknownOperationException"),
        ("StartMessageMoveTask", {"SourceArn": "a"}, "UnsupportedOperation"),
        ("SendMessage", {"QueueUrl": "URL"}, "MissingRequiredParameterException"),
        ("SendMessage", {"QueueUrl": "URL", "MessageBody": 1}, "SerializationException"),
        ("ListQueues", {"Colour": "red"}, "ValidationException"),
        ("ReceiveMessage", {"QueueUrl": "URL", "Wait": 1}, "ValidationException"),
        ("ReceiveMessage", {"QueueUrl": "URL", "WaitTimeSeconds": "1"}, "Serialization"),
        ("ReceiveMessage", {"QueueUrl": "URL", "WaitTimeSeconds": True}, "Serialization"),
        (
            "DeleteMessageBatch",
            {"QueueUrl": "URL", "Entries": [{"Id": "a", "ReceiptHandle": "b", "C": "d"}]},
            "ValidationException",
        ),
        ("ListQueues", {"MaxResults": 1, "NextToken": "é"}, "InvalidParameterValueException"),
        ("ListQueues", b"[" * 100_000, "SerializationException"),
        ("ListQueues", b'{"half', "SerializationException"),
        ("ListQueues", ["a", "list"], "SerializationException"),
        ("ReceiveMessage", {"QueueUrl": "http://x/1/q"}, "InvalidAddress"),
    ],
)
def test_a_request_outside_the_model(
    server: StrictSqs, url: str, action: str, body: Any, kind: str
) -> None:
    if isinstance(body, dict) and body.get("QueueUrl") == "URL":
        body = {**body, "QueueUrl": url}
    status, answer = post(server.url, action, body)
    assert status == 400
    assert kind in answer["__type"]
    assert answer["message"]


@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [
        ("Authorization", None, "MissingAuthenticationToken"),
        ("Authorization", "Basic abc", "MissingAuthenticationToken"),
        ("Content-Type", "application/x-www-form-urlencoded", "SerializationException"),
        ("X-Amz-Target", "DynamoDB_20120810.ListTables", "UnknownOperationException"),
    ],
)
def test_a_request_in_another_form(
    server: StrictSqs, header: str, value: str | None, kind: str
) -> None:
    status, answer = post(server.url, "ListQueues", {}, {header: value})
    assert status in (400, 403)
    assert kind in answer["__type"]


def test_fifo_queues(sqs: SQSClient) -> None:
    with pytest.raises(sqs.exceptions.UnsupportedOperation, match="no FIFO"):
        sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Colour", "red", "InvalidAttributeName"),
        ("FifoQueue", "true", "InvalidAttributeName"),
        ("QueueArn", "arn", "InvalidAttributeName"),
        ("ApproximateNumberOfMessages", "1", "InvalidAttributeName"),
        ("KmsMasterKeyId", "alias/aws/sqs", "UnsupportedOperation"),
        ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
        ("VisibilityTimeout", "-1", "InvalidAttributeValue"),
        ("VisibilityTimeout", "soon", "InvalidAttributeValue"),
        ("DelaySeconds", "901", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "59", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "1209601", "InvalidAttributeValue"),
        ("ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue"),
        ("SqsManagedSseEnabled", "yes", "InvalidAttributeValue"),
        ("Policy", "[]", "InvalidAttributeValue"),
        ("RedriveAllowPolicy", '{"redrivePermission": "some"}', "InvalidAttributeValue"),
        ("RedriveAllowPolicy", '{"redrivePermission": "byQueue"}', "InvalidAttributeValue"),
    ],
)
def test_queue_attributes(sqs: SQSClient, url: str, name: Any, value: str, code: str) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: value})
    assert code_of(raised) == code


@pytest.mark.parametrize("body", ["bell \x07", "not a character \ufffe"])
def test_characters_outside_the_allowed_set(sqs: SQSClient, url: str, body: str) -> None:
    """API reference, SendMessage: InvalidMessageContents for what is not in its list."""
    with pytest.raises(sqs.exceptions.InvalidMessageContents):
        send_all(sqs, url, body)


def test_half_a_surrogate_pair(server: StrictSqs, url: str) -> None:
    body = {"QueueUrl": url, "MessageBody": "\ud800"}
    status, answer = post(server.url, "SendMessage", body)
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "InvalidMessageContents")
    batch = {"QueueUrl": url, "Entries": [{"Id": "a", "MessageBody": "\ud800"}]}
    status, answer = post(server.url, "SendMessageBatch", batch)
    assert (status, answer["Failed"][0]["Code"]) == (200, "InvalidMessageContents")


def test_an_empty_body(sqs: SQSClient, url: str) -> None:
    """API reference, SendMessage: the minimum is one character."""
    with pytest.raises(ClientError):
        send_all(sqs, url, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS.reserved", {"DataType": "String", "StringValue": "v"}),
        (".dot", {"DataType": "String", "StringValue": "v"}),
        ("dot..dot", {"DataType": "String", "StringValue": "v"}),
        ("sp ace", {"DataType": "String", "StringValue": "v"}),
        ("k", {"DataType": "Boolean", "StringValue": "v"}),
        ("k", {"DataType": "String", "StringValue": ""}),
        ("k", {"DataType": "String", "BinaryValue": b"v"}),
        ("k", {"DataType": "Binary", "StringValue": "v"}),
        ("k", {"DataType": "String"}),
    ],
)
def test_message_attributes(sqs: SQSClient, url: str, name: str, value: Any) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes={name: value})
    assert code_of(raised) == "InvalidParameterValue"


def test_more_than_ten_message_attributes(sqs: SQSClient, url: str) -> None:
    value: Any = {"DataType": "String", "StringValue": "v"}
    sqs.send_message(
        QueueUrl=url, MessageBody="x", MessageAttributes={f"k{n}": value for n in range(10)}
    )
    with pytest.raises(ClientError) as raised:
        sqs.send_message(
            QueueUrl=url, MessageBody="x", MessageAttributes={f"k{n}": value for n in range(11)}
        )
    assert code_of(raised) == "InvalidParameterValue"


def test_message_attributes_count_towards_the_size(sqs: SQSClient, control: Control) -> None:
    """Developer guide, message quotas: name, type and value are part of the size."""
    url = new_queue(sqs, MaximumMessageSize="1024")
    attributes: Any = {"abcd": {"DataType": "String", "StringValue": "v" * 14}}
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1000, MessageAttributes=attributes)
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=url, MessageBody="x" * 1001, MessageAttributes=attributes)
    assert code_of(raised) == "InvalidParameterValue"


@pytest.mark.parametrize(
    "parameters",
    [
        {"VisibilityTimeout": 43_201},
        {"WaitTimeSeconds": -1},
        {"ReceiveRequestAttemptId": "a"},
    ],
)
def test_receive_parameters(sqs: SQSClient, url: str, parameters: Any) -> None:
    with pytest.raises(ClientError) as raised:
        receive(sqs, url, **parameters)
    assert code_of(raised) == "InvalidParameterValue"


def test_system_attribute_names(sqs: SQSClient, url: str) -> None:
    with pytest.raises(sqs.exceptions.InvalidAttributeName):
        receive(sqs, url, MessageSystemAttributeNames=["Colour"])


def test_deduplication_ids_on_a_standard_queue(sqs: SQSClient, url: str) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageDeduplicationId="a")
    assert code_of(raised) == "InvalidParameterValue"


def test_too_many_messages_in_flight(sqs: SQSClient, control: Control, url: str) -> None:
    """API reference, ReceiveMessage: OverLimit at about 120,000 in flight, here at two."""
    control.configure(in_flight_limit=2)
    send_all(sqs, url, *"abc")
    assert len(receive(sqs, url, MaxNumberOfMessages=10)) == 2
    with pytest.raises(sqs.exceptions.OverLimit):
        receive(sqs, url)
