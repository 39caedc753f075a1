"""Receipt handles, and what may be done with which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.sqs import Control
from tests.sqs.callers import code_of, name_of, new_queue, receive, send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def url(sqs: SQSClient) -> str:
    return new_queue(sqs, VisibilityTimeout="30")


def received_twice(sqs: SQSClient, control: Control, url: str) -> tuple[str, str]:
    """The handles of two receives of one message: the older is stale."""
    send_all(sqs, url, "x")
    (first,) = receive(sqs, url)
    control.advance(31)
    (second,) = receive(sqs, url)
    assert first["MessageId"] == second["MessageId"]
    return first["ReceiptHandle"], second["ReceiptHandle"]


def test_a_stale_handle_deletes_nothing(sqs: SQSClient, control: Control, url: str) -> None:
    """API reference, DeleteMessage: each receive gives another handle, and only the one of the
    most recent receive is to be used.
    """
    stale, newest = received_twice(sqs, control, url)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=stale)
    counts = control.counts(name_of(url))
    assert (counts.in_flight, counts.deleted, counts.stale_handles) == (1, 0, 1)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=newest)
    assert control.counts(name_of(url)).deleted == 1


def test_a_stale_delete_may_be_answered_with_success(
    sqs: SQSClient, control: Control, url: str
) -> None:
    """API reference, DeleteMessage: with an old handle the request succeeds and the message may
    stay. The server answers so when configured to, and counts it all the same.
    """
    control.configure(stale_delete_succeeds=True)
    stale, _ = received_twice(sqs, control, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=stale)
    counts = control.counts(name_of(url))
    assert (counts.in_flight, counts.deleted, counts.stale_handles) == (1, 0, 1)


def test_a_stale_handle_extends_nothing(sqs: SQSClient, control: Control, url: str) -> None:
    """API reference, ChangeMessageVisibility: ReceiptHandleIsInvalid is one of its errors."""
    stale, _ = received_twice(sqs, control, url)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=stale, VisibilityTimeout=0)
    counts = control.counts(name_of(url))
    assert (counts.in_flight, counts.stale_handles) == (1, 1)


def test_stale_handles_fail_entry_by_entry_in_batches(
    sqs: SQSClient, control: Control, url: str
) -> None:
    """API reference, batch actions: an answer of 200 may carry failed entries, each with its code
    and whether it is the sender's fault.
    """
    stale, newest = received_twice(sqs, control, url)
    changed: Any = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "stale", "ReceiptHandle": stale, "VisibilityTimeout": 60},
            {"Id": "newest", "ReceiptHandle": newest, "VisibilityTimeout": 60},
        ],
    )
    deleted: Any = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "stale", "ReceiptHandle": stale},
            {"Id": "newest", "ReceiptHandle": newest},
        ],
    )
    for result in (changed, deleted):
        assert [row["Id"] for row in result["Successful"]] == ["newest"]
        (failed,) = result["Failed"]
        assert (failed["Id"], failed["Code"], failed["SenderFault"]) == (
            "stale",
            "ReceiptHandleIsInvalid",
            True,
        )
    assert control.counts(name_of(url)).stale_handles == 2


def test_a_lapsed_message_is_not_in_flight(sqs: SQSClient, control: Control, url: str) -> None:
    """API reference, ChangeMessageVisibility: MessageNotInflight for a message that is not in
    flight. A lease that lapsed cannot be renewed, only received anew.
    """
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    control.advance(30)
    handle = message["ReceiptHandle"]
    with pytest.raises(sqs.exceptions.MessageNotInflight):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=60)
    result = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": handle, "VisibilityTimeout": 60}]
    )
    assert result["Failed"][0]["Code"] == "MessageNotInflight"


def test_a_lapsed_message_can_still_be_deleted(sqs: SQSClient, control: Control, url: str) -> None:
    """API reference, DeleteMessage: what counts is that the handle is of the most recent receive;
    the visibility timeout does not matter.
    """
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    control.advance(31)
    assert control.counts(name_of(url)).visible == 1
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert control.counts(name_of(url)).present == 0
    assert receive(sqs, url) == []


def test_an_older_handle_of_a_deleted_message_stays_stale(
    sqs: SQSClient, control: Control, url: str
) -> None:
    stale, newest = received_twice(sqs, control, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=newest)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=newest)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=stale)


def test_a_deleted_message_cannot_be_extended(sqs: SQSClient, url: str) -> None:
    """There is no modelled error for it; SQS answers InvalidParameterValue."""
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    handle = message["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    with pytest.raises(ClientError) as raised:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1)
    assert code_of(raised) == "InvalidParameterValue"


def test_a_handle_belongs_to_its_queue(sqs: SQSClient, url: str) -> None:
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=new_queue(sqs), ReceiptHandle=message["ReceiptHandle"])


@pytest.mark.parametrize("seconds", [-1, 43_201])
def test_visibility_has_bounds(sqs: SQSClient, url: str, seconds: int) -> None:
    """API reference, ChangeMessageVisibility: 0 seconds to 12 hours."""
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    with pytest.raises(ClientError) as raised:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )
    assert code_of(raised) == "InvalidParameterValue"


def test_visibility_ends_12_hours_after_the_receive(
    sqs: SQSClient, control: Control, url: str
) -> None:
    """API reference, ChangeMessageVisibility: more than what is left of the maximum, 12 hours from
    the receive, is an error and is not cut down to it. Receiving again starts it over.
    """
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url, VisibilityTimeout=43_200)
    control.advance(7 * 3600)
    handle = message["ReceiptHandle"]
    with pytest.raises(ClientError) as raised:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5 * 3600 + 10
        )
    assert code_of(raised) == "InvalidParameterValue"
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5 * 3600 - 60
    )
    control.advance(5 * 3600)
    (again,) = receive(sqs, url)
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=43_000
    )
