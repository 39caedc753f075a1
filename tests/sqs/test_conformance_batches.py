"""The part of the conformance suite that is about batches; see tests/cloud for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.sqs.callers import (
    SERVERS,
    attributes_of,
    code_of,
    entries,
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


def test_batches_of_ten(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries(*"0123456789"))
    assert not sent.get("Failed")  # moto has an empty list here
    assert [row["Id"] for row in sent["Successful"]] == list("0123456789")
    messages = receive(sqs, url, MaxNumberOfMessages=10)
    assert sorted(message["Body"] for message in messages) == list("0123456789")
    handles = {m["Body"]: m["ReceiptHandle"] for m in messages}
    hidden = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": b, "ReceiptHandle": h, "VisibilityTimeout": 90} for b, h in handles.items()
        ],
    )
    assert {row["Id"] for row in hidden["Successful"]} == set(handles)
    deleted = sqs.delete_message_batch(
        QueueUrl=url, Entries=[{"Id": b, "ReceiptHandle": h} for b, h in handles.items()]
    )
    assert {row["Id"] for row in deleted["Successful"]} == set(handles)
    assert attributes_of(sqs, url)["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_an_entry_fails_alone(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    result = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "bad", "ReceiptHandle": "no-such-handle"},
            {"Id": "good", "ReceiptHandle": message["ReceiptHandle"]},
        ],
    )
    assert [row["Id"] for row in result["Successful"]] == ["good"]
    (failed,) = result["Failed"]
    assert (failed["Id"], failed["SenderFault"]) == ("bad", True)
    assert failed["Code"] == "ReceiptHandleIsInvalid"


def test_more_than_ten_entries_are_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.send_message_batch(QueueUrl=new_queue(sqs), Entries=entries(*"0123456789a"))
    assert code_of(raised) == "TooManyEntriesInBatchRequest"


def test_repeated_entry_ids_are_refused(sqs: SQSClient) -> None:
    twice = entries("a") + entries("b")
    with pytest.raises(ClientError) as raised:
        sqs.send_message_batch(QueueUrl=new_queue(sqs), Entries=twice)
    assert code_of(raised) == "BatchEntryIdsNotDistinct"


def test_an_entry_id_of_foreign_characters_is_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.send_message_batch(QueueUrl=new_queue(sqs), Entries=[{"Id": "a b", "MessageBody": "x"}])
    assert code_of(raised) == "InvalidBatchEntryId"


def test_an_empty_batch_is_refused(sqs: SQSClient) -> None:
    with pytest.raises(ClientError) as raised:
        sqs.send_message_batch(QueueUrl=new_queue(sqs), Entries=[])
    assert code_of(raised) == "EmptyBatchRequest"


def test_a_batch_over_one_mebibyte_is_refused(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    with pytest.raises(ClientError) as raised:
        sqs.send_message_batch(QueueUrl=url, Entries=entries("x" * 600_000, "y" * 448_577))
    assert code_of(raised) == "BatchRequestTooLong"
    assert attributes_of(sqs, url)["ApproximateNumberOfMessages"] == "0"
