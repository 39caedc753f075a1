"""Each fault, seen by an unmodified boto3 client."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from tests.sqs import Control, Fault, StrictSqs
from tests.sqs.callers import (
    code_of,
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


# A connection that was open is found reset, a new one is refused.
_NO_CONNECTION = (ConnectionClosedError, EndpointConnectionError)


@pytest.fixture
def url(sqs: SQSClient) -> str:
    return new_queue(sqs)


# -- refusals: nothing is carried out -----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reported"),
    [
        ("ThrottlingException", (400, "Throttling")),
        ("RequestThrottled", (400, "RequestThrottled")),
        ("ExpiredToken", (403, "ExpiredToken")),
        ("ExpiredTokenException", (403, "ExpiredToken")),
        ("InvalidClientTokenId", (403, "InvalidClientTokenId")),
        ("UnrecognizedClientException", (403, "InvalidClientTokenId")),
        ("AccessDenied", (403, "AccessDenied")),
        ("KmsThrottled", (400, "KmsThrottled")),
        ("OverLimit", (400, "OverLimit")),
        ("InternalFailure", (500, "InternalFailure")),
    ],
)
def test_errors_by_code(
    sqs: SQSClient, control: Control, url: str, code: str, reported: tuple[int, str]
) -> None:
    control.add_fault(Fault("error", code=code, calls=1))
    with pytest.raises(ClientError) as raised:
        send_all(sqs, url, "x")
    status = raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert (status, code_of(raised)) == reported
    assert control.counts(name_of(url)).sent == 0
    send_all(sqs, url, "x")


@pytest.mark.parametrize("status", [500, 503, 408])
@pytest.mark.parametrize("with_body", [True, False])
def test_statuses(sqs: SQSClient, control: Control, url: str, status: int, with_body: bool) -> None:
    send_all(sqs, url, "x")
    control.add_fault(Fault("status", status=status, with_body=with_body, calls=1))
    with pytest.raises(ClientError) as raised:
        receive(sqs, url)
    metadata = raised.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == status
    assert (metadata["HTTPHeaders"].get("content-length", "0") == "0") is not with_body
    assert control.counts(name_of(url)).visible == 1


def test_an_expired_access_key_is_refused_until_another_one_signs(
    server: StrictSqs, sqs: SQSClient, url: str
) -> None:
    old = make_client(server.url, access_key_id="AKIDOLD")
    new = make_client(server.url, access_key_id="AKIDNEW")
    send_all(old, url, "a")
    server.control.expire_access_key("AKIDOLD")
    with pytest.raises(ClientError) as raised:
        send_all(old, url, "b")
    assert code_of(raised) == "ExpiredToken"
    send_all(new, url, "c")
    server.control.renew_access_key("AKIDOLD")
    send_all(old, url, "d")
    assert [message.body for message in server.control.peek(name_of(url))] == ["a", "c", "d"]
    calls = server.control.calls()
    assert calls.requests("SendMessage", access_key_id="AKIDOLD") == 3
    assert calls.answers("SendMessage", "ExpiredToken") == 1


# -- which calls --------------------------------------------------------------------------------


def test_a_fault_strikes_only_what_it_names(sqs: SQSClient, control: Control, url: str) -> None:
    other = new_queue(sqs)
    fault = Fault("status", status=500, actions=("SendMessage",), queues=(name_of(url),))
    number = control.add_fault(fault)
    receive(sqs, url)
    send_all(sqs, other, "x")
    with pytest.raises(ClientError):
        send_all(sqs, url, "x")
    assert control.struck(number) == 1
    control.clear_faults(number)
    send_all(sqs, url, "x")


def test_a_fault_with_a_probability_repeats_by_its_seed(
    sqs: SQSClient, control: Control, url: str
) -> None:
    def outcomes(seed: int) -> list[bool]:
        control.clear_faults()
        control.add_fault(Fault("status", status=503, probability=0.5, seed=seed))
        found = []
        for _ in range(20):
            try:
                receive(sqs, url)
                found.append(True)
            except ClientError:
                found.append(False)
        return found

    first = outcomes(1)
    assert {True, False} == set(first)
    assert outcomes(1) == first
    assert outcomes(2) != first


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "earthquake"},
        {"kind": "status"},
        {"kind": "silent", "probability": 0.0},
        {"kind": "silent", "calls": 0},
    ],
)
def test_a_fault_without_meaning_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="fault"):
        Fault(**given)


# -- broken answers: the action is carried out --------------------------------------------------


@pytest.mark.parametrize("kind", ["reset", "answer_lost"])
def test_a_broken_answer_hides_the_message_it_carried(
    sqs: SQSClient, control: Control, url: str, kind: Any
) -> None:
    send_all(sqs, url, "x" * 5000)
    control.add_fault(Fault(kind, actions=("ReceiveMessage",), calls=1))
    with pytest.raises(ConnectionClosedError):
        receive(sqs, url)
    counts = control.counts(name_of(url))
    assert (counts.in_flight, counts.received) == (1, 1)
    assert control.calls().answers("ReceiveMessage", f"fault:{kind}") == 1


def test_half_an_answer_looks_empty_to_boto3(server: StrictSqs, sqs: SQSClient, url: str) -> None:
    """botocore swallows a body that is not JSON: with status 200 that is an answer without
    messages. What it carried is in flight all the same.
    """
    send_all(sqs, url, "x", "y")
    server.control.add_fault(Fault("malformed", actions=("ReceiveMessage",), calls=2))
    assert receive(sqs, url) == []
    with pytest.raises(json.JSONDecodeError):
        post(server.url, "ReceiveMessage", {"QueueUrl": url})
    assert server.control.counts(name_of(url)).in_flight == 2


def test_a_lost_answer_to_a_delete_and_its_repetition(
    sqs: SQSClient, control: Control, url: str
) -> None:
    send_all(sqs, url, "x")
    (message,) = receive(sqs, url)
    control.add_fault(Fault("answer_lost", actions=("DeleteMessage",), calls=1))
    with pytest.raises(ConnectionClosedError):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert control.counts(name_of(url)).deleted == 1
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert control.counts(name_of(url)).deleted == 1


def test_a_reset_comes_after_half_of_the_answer(
    server: StrictSqs, sqs: SQSClient, url: str
) -> None:
    server.control.add_fault(Fault("reset", calls=1))
    with pytest.raises(ConnectionClosedError, match=r"[Cc]onnection (was closed|reset|broken)"):
        send_all(sqs, url, "x")
    assert server.control.counts(name_of(url)).sent == 1


def test_a_dripping_answer_arrives_whole(sqs: SQSClient, control: Control, url: str) -> None:
    send_all(sqs, url, "x" * 5000)
    control.add_fault(Fault("drip", seconds=0.5, calls=1))
    started = time.monotonic()
    (message,) = receive(sqs, url)
    assert message["Body"] == "x" * 5000
    assert time.monotonic() - started >= 0.4


# -- batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender_fault", "code"), [(True, "InvalidX"), (False, "InternalError")])
def test_entries_of_a_batch_fail(
    sqs: SQSClient, control: Control, url: str, sender_fault: bool, code: str
) -> None:
    control.add_fault(Fault("entries", entries=2, code=code, sender_fault=sender_fault, calls=1))
    result = sqs.send_message_batch(QueueUrl=url, Entries=entries(*"abc"))
    assert [row["Id"] for row in result["Successful"]] == ["2"]
    assert [(row["Id"], row["Code"], row["SenderFault"]) for row in result["Failed"]] == [
        ("0", code, sender_fault),
        ("1", code, sender_fault),
    ]
    assert [message.body for message in control.peek(name_of(url))] == ["c"]
    assert "Failed" not in sqs.send_message_batch(QueueUrl=url, Entries=entries(*"abc"))


# -- connections --------------------------------------------------------------------------------


def test_a_silent_server_reads_and_never_answers(
    server: StrictSqs, sqs: SQSClient, url: str
) -> None:
    impatient = make_client(server.url, read_timeout_seconds=0.3)
    send_all(sqs, url, "x")
    number = server.control.add_fault(Fault("silent"))
    with pytest.raises(ReadTimeoutError):
        receive(impatient, url)
    with pytest.raises(ReadTimeoutError):
        send_all(impatient, url, "y")
    assert server.control.struck(number) == 2
    server.control.clear_faults()
    assert server.control.counts(name_of(url)).sent == 1
    assert len(receive(sqs, url)) == 1


def test_silence_takes_open_long_polls_too(server: StrictSqs, sqs: SQSClient, url: str) -> None:
    impatient = make_client(server.url, read_timeout_seconds=2)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(receive, impatient, url, WaitTimeSeconds=20)
        server.control.wait_for(name_of(url), lambda counts: counts.open_polls == 1)
        number = server.control.add_fault(Fault("silent"))
        server.control.clear_faults(number)
        send_all(sqs, url, "x")
        with pytest.raises(ReadTimeoutError):
            waiting.result(10)
    counts = server.control.counts(name_of(url))
    assert (counts.received_by_closed_polls, counts.in_flight) == (1, 1)


def test_refused_connections(server: StrictSqs, sqs: SQSClient, url: str) -> None:
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(receive, make_client(server.url), url, WaitTimeSeconds=20)
        server.control.wait_for(name_of(url), lambda counts: counts.open_polls == 1)
        server.control.refuse_connections(60)
        with pytest.raises(ConnectionClosedError):
            waiting.result(10)
    for _ in range(3):
        with pytest.raises(_NO_CONNECTION):
            send_all(sqs, url, "x")
    with pytest.raises(EndpointConnectionError):
        send_all(make_client(server.url), url, "x")
    server.control.accept_connections()
    send_all(sqs, url, "x")


def test_refused_connections_are_accepted_again_in_time(
    server: StrictSqs, sqs: SQSClient, url: str
) -> None:
    started = time.monotonic()
    server.control.refuse_connections(0.5)
    refused = 0
    while time.monotonic() < started + 15:
        try:
            send_all(sqs, url, "x")
            break
        except _NO_CONNECTION:
            refused += 1
    assert refused > 0
    assert 0.5 <= time.monotonic() - started < 8
    assert server.control.counts(name_of(url)).sent == 1


def test_a_delay_is_added_to_calls_which_overlap(
    server: StrictSqs, sqs: SQSClient, url: str
) -> None:
    server.control.delay(0.5)
    clients = [make_client(server.url) for _ in range(6)]
    with ThreadPoolExecutor() as threads:
        started = time.monotonic()
        list(threads.map(lambda client: send_all(client, url, "x"), clients))
        seconds = time.monotonic() - started
    assert 0.5 <= seconds < 2.5  # one after the other they would take three


def test_an_action_may_have_a_delay_of_its_own(server: StrictSqs, sqs: SQSClient, url: str) -> None:
    server.control.delay(30)
    server.control.delay(0, actions=["SendMessage"])
    send_all(sqs, url, "x")
    impatient = make_client(server.url, read_timeout_seconds=0.3)
    with pytest.raises(ReadTimeoutError):
        receive(impatient, url)
