"""What the tests of the server call it with."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sqs.handle import StrictSqs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REGION = "eu-west-1"
ACCESS_KEY_ID = "AKIDTEST"
SERVERS = ("strict", "moto")


@contextmanager
def running(server: str) -> Iterator[str]:
    """One of :data:`SERVERS`; its URL."""
    if server == "strict":
        with StrictSqs() as strict:
            yield strict.url
        return
    # Only here: moto costs half a second to import.
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        moto.stop()


def make_client(
    url: str,
    *,
    access_key_id: str = ACCESS_KEY_ID,
    region: str = REGION,
    read_timeout_seconds: float = 30,
) -> SQSClient:
    """An unmodified boto3 client that does not try again."""
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout_seconds),
    )


def new_queue(sqs: SQSClient, **attributes: str) -> str:
    """The URL of a new queue."""
    given: Any = attributes
    return sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}", Attributes=given)["QueueUrl"]


def name_of(url: str) -> str:
    """The queue's name."""
    return url.rpartition("/")[2]


def attributes_of(sqs: SQSClient, url: str, *names: str) -> dict[str, str]:
    """The queue's attributes of these names, or all."""
    asked: Any = list(names) or ["All"]
    found: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    return dict(found)


def receive(sqs: SQSClient, url: str, **parameters: Any) -> list[Any]:
    """The messages of one ReceiveMessage."""
    return sqs.receive_message(QueueUrl=url, **parameters).get("Messages", [])


def send_all(sqs: SQSClient, url: str, *bodies: str) -> None:
    """Send these, one by one."""
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)


def entries(*bodies: str) -> Any:
    """Entries for SendMessageBatch, with ids "0", "1" and so on."""
    return [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    """The error code, without the prefix that some have from the query protocol."""
    return raised.value.response["Error"]["Code"].rpartition(".")[2]


def good_headers(action: str) -> dict[str, str]:
    """The headers that a request must have."""
    return {
        "X-Amz-Target": f"AmazonSQS.{action}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential="
        f"{ACCESS_KEY_ID}/20260101/{REGION}/sqs/aws4_request, SignedHeaders=host, Signature=0",
    }


def post(
    url: str, action: str, body: object, headers: dict[str, str | None] | None = None
) -> tuple[int, dict[str, Any]]:
    """A bare request, for what boto3 would not send; status and decoded answer.

    ``headers`` replace the ones of a good request; None leaves one out.
    """
    address = urlsplit(url)
    chosen = {k: v for k, v in {**good_headers(action), **(headers or {})}.items() if v is not None}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("POST", "/", raw, chosen)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
