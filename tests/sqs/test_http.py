"""HTTP itself: what curl does that boto3 does not, and what every answer carries."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.sqs import StrictSqs
from tests.sqs.callers import good_headers, name_of, new_queue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def test_a_caller_that_asks_before_it_sends_a_large_body(server: StrictSqs, sqs: SQSClient) -> None:
    """curl sends ``Expect: 100-continue`` before large bodies and waits a second for the answer."""
    url = new_queue(sqs)
    body = json.dumps({"QueueUrl": url, "MessageBody": "x" * 1_000_000}).encode()
    headers = {
        **good_headers("SendMessage"),
        "Host": "127.0.0.1",
        "Content-Length": str(len(body)),
        "Expect": "100-continue",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as caller:
        caller.sendall(f"POST / HTTP/1.1\r\n{head}\r\n".encode())
        assert caller.recv(1024).startswith(b"HTTP/1.1 100 ")
        caller.sendall(body)
        assert caller.recv(1024).startswith(b"HTTP/1.1 200 ")
    assert server.control.counts(name_of(url)).sent == 1


def test_each_answer_has_its_request_id(sqs: SQSClient) -> None:
    ids = {sqs.list_queues()["ResponseMetadata"]["RequestId"] for _ in range(3)}
    assert len(ids) == 3
