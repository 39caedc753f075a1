"""Stock kombu's own SQS connection (curl and its hub, not boto3) works against the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from kombu.asynchronous import Hub, set_event_loop
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.asynchronous.http.curl import CurlClient
from vine import promise

from tests.sqs import Control, Fault
from tests.sqs.callers import name_of, new_queue, send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# kombu 5.7 still uses what pycurl has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:kombu")


class CurlCaller:
    """Runs kombu's hub until one request is answered."""

    def __init__(self, sqs: SQSClient) -> None:
        self.hub = Hub()
        set_event_loop(self.hub)
        self.client = CurlClient(self.hub)
        self.connection = AsyncSQSConnection(sqs, http_client=self.client)

    def close(self) -> None:
        self.client.close()
        self.hub.close()
        set_event_loop(None)

    def ask(self, request: promise) -> Any:
        deadline = time.monotonic() + 10
        while not request.ready:
            assert time.monotonic() < deadline, "kombu got no answer"
            next(self.hub.loop)
        return request.value[0][0]

    def receive(self, url: str) -> Any:
        answer = promise()
        self.connection.receive_message(
            None, url, number_messages=10, wait_time_seconds=0, callback=answer
        )
        return self.ask(answer)

    def delete(self, url: str, handle: str) -> Any:
        answer = promise()
        self.connection.delete_message(url, handle, callback=answer)
        return self.ask(answer)


@pytest.fixture
def kombu(sqs: SQSClient) -> Iterator[CurlCaller]:
    caller = CurlCaller(sqs)
    yield caller
    caller.close()


def test_receive_and_delete(sqs: SQSClient, control: Control, kombu: CurlCaller) -> None:
    url = new_queue(sqs)
    send_all(sqs, url, "grüße", "zwei")
    messages = kombu.receive(url)["Messages"]
    assert [message["Body"] for message in messages] == ["grüße", "zwei"]
    assert [message["Attributes"] for message in messages] == [{"ApproximateReceiveCount": "1"}] * 2
    for message in messages:
        assert kombu.delete(url, message["ReceiptHandle"]) == 200
    assert "Messages" not in kombu.receive(url)
    assert control.counts(name_of(url)).deleted == 2


def test_a_server_error_reaches_kombu(sqs: SQSClient, control: Control, kombu: CurlCaller) -> None:
    """kombu answers a 5xx to a receive with an empty list where its caller expects a dict."""
    url = new_queue(sqs)
    control.add_fault(Fault("status", status=503, calls=1))
    assert kombu.receive(url) == []
    assert "Messages" not in kombu.receive(url)
