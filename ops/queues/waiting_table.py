"""The table of what waits in the delay queue, one item a task: SQS does not list what it hides."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.errors import OpsError
from worker.delays import Waiting
from worker.sqs.backoff import wait_seconds
from worker.sqs.errors import CALL_ERRORS, describe

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)

#: BatchWriteItem takes 25 requests, each for another key.
BATCH: Final = 25
#: Changes kept while the table cannot be written; beyond that the oldest are let go.
KEPT_AT_MOST: Final = 50_000
#: DynamoDB deletes an item some time after this; one whose deletion got lost goes then.
EXPIRES_AFTER_DUE_SECONDS: Final = 86_400
#: A key has at most 2,048 bytes, a character at most four.
_KEY_AT_MOST_CHARACTERS: Final = 512


@dataclass
class WaitingTable:
    """Writes behind the forwarder, in a thread of its own: moving on never waits for it.

    The table is for people. While it cannot be written, changes are kept and tried again, and
    that is said once.
    """

    client: DynamoDBClient
    name: str
    rng: Random
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _changes: dict[str, Waiting | None] = field(default_factory=dict)
    _writing: bool = False
    _failures: int = 0
    _closing: bool = False
    _closed: bool = False
    _thread: threading.Thread | None = None

    def waits(self, waiting: Waiting) -> None:
        """Note that a task waits."""
        self._change(waiting.task_id, waiting)

    def gone(self, waiting: Waiting) -> None:
        """Note that a task waits no longer."""
        self._change(waiting.task_id, None)

    def close(self, timeout_seconds: float) -> bool:
        """Write what is left, and write no more; False if something was not written."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.written or self._failures > 0, timeout_seconds)
            self._closed = True
            self._changed.notify_all()
            return self.written

    @property
    def written(self) -> bool:
        """Whether every change is in the table."""
        with self._changed:
            return len(self._changes) == 0 and not self._writing

    def _change(self, task_id: str, to: Waiting | None) -> None:
        with self._changed:
            self._changes.pop(task_id, None)
            self._changes[task_id] = to
            while len(self._changes) > KEPT_AT_MOST:
                del self._changes[next(iter(self._changes))]
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="fleet-waiting-table", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            left = self._write(batch)
            with self._changed:
                self._writing = False
                for key, change in left.items():
                    self._changes.setdefault(key, change)
                self._changed.notify_all()

    def _next_batch(self) -> dict[str, Waiting | None] | None:
        """Wait for changes and take them; None once closed: a Lambda's process lives on."""
        with self._changed:
            if self._failures:
                pause_seconds = wait_seconds(self._failures, self.rng)
                self._changed.wait_for(lambda: self._closing, pause_seconds)
            self._changed.wait_for(lambda: self._closed or len(self._changes) > 0)
            if self._closed:
                return None
            batch = {key: self._changes[key] for key in list(self._changes)[:BATCH]}
            for key in batch:
                del self._changes[key]
            self._writing = True
            return batch

    def _write(self, batch: dict[str, Waiting | None]) -> dict[str, Waiting | None]:
        """Write changes; return those to try again."""
        requests = {_key(key): (key, change) for key, change in batch.items()}
        wanted: Any = [_request(key, change) for key, (_, change) in requests.items()]
        try:
            answer = self.client.batch_write_item(RequestItems={self.name: wanted})
            if "UnprocessedItems" not in answer:
                # botocore takes an answer cut short for one that says nothing.
                raise ValueError("no answer of DynamoDB's")
        except CALL_ERRORS as error:
            if self._failures == 0:
                logger.warning(
                    "%s: what waits is not noted there, and moved on all the same: %s",
                    self.name,
                    describe(error),
                )
            self._failures += 1
            return batch
        if self._failures:
            logger.warning("%s: what waits is noted there again", self.name)
        unprocessed: Any = answer["UnprocessedItems"].get(self.name, [])
        self._failures = 0
        return dict(requests[_key_of(request)] for request in unprocessed)


def read_all(client: DynamoDBClient, table: str) -> tuple[list[Waiting], str | None]:
    """Return every item of the table; where it cannot be read none, and a line that says why.

    Raises OpsError where DynamoDB does not answer.
    """
    try:
        with aws_errors(f"reading {table}"):
            return list(_items(client, table)), None
    except OpsError as error:
        match getattr(error.__cause__, "response", None):
            case {"Error": {"Code": "ResourceNotFoundException"}}:
                why = "expected in DynamoDB, not found there: create it with ops stores apply --yes"
            case {"Error": {"Code": "AccessDeniedException"}}:
                why = "access denied: allow dynamodb:Scan for these credentials"
            case _:
                raise
        return [], f"{table}: {why}; until then tasks are counted, and not named"


def _items(client: DynamoDBClient, table: str) -> Iterator[Waiting]:
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ProjectionExpression="#i, #t, #q, #d",  # each of them a reserved word, or near one
        ExpressionAttributeNames={"#i": "id", "#t": "task", "#q": "queue", "#d": "due"},
    )
    for page in pages:
        for item in page["Items"]:
            fields: Any = item
            yield Waiting(
                fields["queue"]["S"],
                fields["task"]["S"],
                fields["id"]["S"],
                float(fields["due"]["N"]),
            )


def _key(task_id: str) -> str:
    return task_id[:_KEY_AT_MOST_CHARACTERS]


def _key_of(request: Any) -> str:
    if "PutRequest" in request:
        return str(request["PutRequest"]["Item"]["id"]["S"])
    return str(request["DeleteRequest"]["Key"]["id"]["S"])


def _request(key: str, waiting: Waiting | None) -> dict[str, Any]:
    if waiting is None:
        return {"DeleteRequest": {"Key": {"id": {"S": key}}}}
    item = {
        "id": {"S": key},
        "task": {"S": waiting.task},
        "queue": {"S": waiting.queue},
        "due": {"N": f"{waiting.due:.3f}"},
        "expires": {"N": str(int(waiting.due) + EXPIRES_AFTER_DUE_SECONDS)},
    }
    return {"PutRequest": {"Item": item}}
