"""The worker's SQS calls: boto3 with a timeout on every request and no hidden retries."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from worker.fleet import Fleet

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS: Final = 3
#: Any call but a long poll. A renewal that hangs must leave time for another within the lease.
READ_TIMEOUT_SECONDS: Final = 5
#: What a long poll may take beyond its wait before the connection counts as silent.
POLL_MARGIN_SECONDS: Final = 4
#: Connections a client keeps; a call beyond them makes one of its own and drops it.
CONNECTIONS: Final = 10


class ReceivedMessage(TypedDict):
    """A message as ReceiveMessage gives it (the keys this fleet asks for)."""

    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: Mapping[str, str]
    MessageAttributes: NotRequired[Mapping[str, Any]]


class Failed(TypedDict):
    """A batch entry that failed, as SQS reports it."""

    Id: str
    Code: str
    SenderFault: bool
    Message: NotRequired[str]


def region(fleet: Fleet) -> str | None:
    """Return the region: the manifest's, else ``AWS_REGION``, else boto3's own lookup (None)."""
    return fleet.region or os.environ.get("AWS_REGION") or None


class Sqs:
    """SQS calls on one account and region, safe to share between threads.

    Two boto3 clients on one session: one whose reads may take as long as a poll, one for all
    else. Credentials and endpoints come by AWS's own conventions. Calls raise what boto3 raises;
    ``worker.sqs.errors`` sorts it.
    """

    def __init__(self, fleet: Fleet, *, send_attempts: int = 1) -> None:
        self._fleet = fleet
        self._send_attempts = send_attempts
        self._lock = threading.Lock()
        self._clients: dict[float, SQSClient] = {}
        self._session: Any = None
        self._urls: dict[str, str] = {}

    def prepare(self, wait_seconds: int) -> None:
        """Make the clients now that polls of ``wait_seconds`` and all else will want.

        A client takes a tenth of a second of processor to make, which is better spent before the
        first message than beside it.
        """
        self.client(wait_seconds + POLL_MARGIN_SECONDS)
        self.client()

    def client(self, read_timeout_seconds: float = READ_TIMEOUT_SECONDS) -> SQSClient:
        """Return the client whose requests time out after ``read_timeout_seconds``."""
        with self._lock:
            client = self._clients.get(read_timeout_seconds)
            if client is None:
                client = self._clients[read_timeout_seconds] = self._make(read_timeout_seconds)
            return client

    def _make(self, read_timeout_seconds: float) -> SQSClient:
        if self._session is None:
            self._session = boto3.Session(region_name=region(self._fleet))
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=read_timeout_seconds,
            retries={"total_max_attempts": self._send_attempts, "mode": "standard"},
            tcp_keepalive=True,
            # Said once: botocore's own is put together anew for every call, a sixth of its cost.
            user_agent="celery-sqs-fleet",
            max_pool_connections=CONNECTIONS,
        )
        client: SQSClient = self._session.client("sqs", config=config)
        return client

    def refresh(self) -> None:
        """Look for credentials again, from the start of the chain.

        boto3 refreshes a role's credentials by itself; those that lie in a file or were put
        there by a tool it reads once. Calls under way keep the client they have.
        """
        with self._lock:
            self._session = None
            self._clients.clear()

    def queue_url(self, name: str) -> str:
        """Return the URL of the queue with this physical name, asked for once."""
        url = self._urls.get(name)
        if url is None:
            url = self._urls[name] = self.client().get_queue_url(QueueName=name)["QueueUrl"]
        return url

    def receive(
        self, url: str, *, count: int, wait_seconds: int, visibility_seconds: int
    ) -> Sequence[ReceivedMessage]:
        """Receive up to ``count`` messages, waiting up to ``wait_seconds`` for the first."""
        answer = self.client(wait_seconds + POLL_MARGIN_SECONDS).receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=visibility_seconds,
            MessageSystemAttributeNames=[
                "SentTimestamp",
                "ApproximateReceiveCount",
                "MessageGroupId",  # fair queues: a copy keeps it
            ],
            MessageAttributeNames=["All"],
        )
        messages: Any = answer.get("Messages", ())
        return messages  # type: ignore[no-any-return]

    def delete(self, url: str, handles: Sequence[str]) -> list[Failed]:
        """Delete up to ten messages; return the entries that failed, by index as their ``Id``."""
        return self._batch(
            "delete_message_batch",
            url,
            [{"Id": str(i), "ReceiptHandle": handle} for i, handle in enumerate(handles)],
        )

    def change_visibility(self, url: str, entries: Iterable[tuple[str, int]]) -> list[Failed]:
        """Set the visibility timeout in seconds of up to ten receipt handles."""
        return self._batch(
            "change_message_visibility_batch",
            url,
            [
                {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for i, (handle, seconds) in enumerate(entries)
            ],
        )

    def send(self, url: str, entries: Sequence[Mapping[str, Any]]) -> list[Failed]:
        """Send up to ten messages of at most 1 MiB together."""
        return self._batch(
            "send_message_batch", url, [{"Id": str(i), **e} for i, e in enumerate(entries)]
        )

    def _batch(self, call: str, url: str, entries: list[dict[str, Any]]) -> list[Failed]:
        method: Callable[..., Any] = getattr(self.client(), call)
        answer = method(QueueUrl=url, Entries=entries)
        failed: list[Failed] = answer.get("Failed", [])
        # botocore takes an answer cut short for one that says nothing; that confirms no entry.
        said = {entry["Id"] for entry in (*failed, *answer.get("Successful", []))}
        return [*failed, *(_unconfirmed(e["Id"]) for e in entries if e["Id"] not in said)]


def _unconfirmed(entry_id: str) -> Failed:
    return {"Id": entry_id, "Code": "Unconfirmed", "SenderFault": False}
