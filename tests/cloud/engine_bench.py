"""An engine with its threads on a strict SQS in this process; what is delivered, a test decides."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boto3
import pytest

from tests.sqs import Control, Counts, StrictSqs
from worker.fleet import Fleet
from worker.outcomes import DONE, Verdict
from worker.sqs.client import Sqs
from worker.sqs.engine import Engine
from worker.sqs.ledger import Held

QUEUE, DEAD_LETTERS = "acme-work", "acme-work-dlq"
PATIENCE_SECONDS = 30.0


class Loop:
    """An event loop as far as an engine needs one: calls from any thread, made on its own."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="test-loop", daemon=True)
        self._thread.start()

    def call_soon(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    def stop(self) -> None:
        self._calls.put(None)
        self._thread.join(10)


@dataclass
class Bench:
    """The engine, its SQS, and what was delivered so far, in order."""

    sqs: Control
    client: Any
    url: str
    loop: Loop = field(default_factory=Loop)
    delivered: list[Held] = field(default_factory=list)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    #: what to do with a delivery, on the loop; holding it is doing nothing
    run: Callable[[Held], None] = lambda _: None
    engine: Engine = field(init=False)

    def deliver(self, held: Held, payload: dict[str, Any]) -> None:
        assert payload["properties"]["delivery_tag"] == held.tag
        self.payloads.append(payload)
        self.delivered.append(held)
        self.start(held)
        self.run(held)

    def start(self, held: Held) -> None:
        self.engine.started(held, at=time.monotonic(), pid=None, time_limit_seconds=600)

    def finish(self, held: Held) -> None:
        """Run to the end at once: what ``run`` is set to for tasks that take no time."""
        self.settle(held, DONE)

    def settle(self, held: Held, verdict: Verdict) -> None:
        self.loop.call_soon(lambda: self.engine.settle(held, verdict))

    def send(self, count: int = 1, body: str | None = None) -> list[str]:
        """Send task messages; return their SQS ids."""
        ids: list[str] = []
        for start in range(0, count, 10):
            entries = [
                {"Id": str(i), "MessageBody": body or task_body(f"task-{start + i}")}
                for i in range(min(10, count - start))
            ]
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
            ids += [row["MessageId"] for row in answer["Successful"]]
        return ids

    def steal(self) -> str:
        """Receive a message as another worker does, for a minute; return its handle."""
        answer = self.client.receive_message(QueueUrl=self.url, VisibilityTimeout=60)
        handle: str = answer["Messages"][0]["ReceiptHandle"]
        return handle

    def counts(self) -> Counts:
        return self.sqs.counts(QUEUE)

    def requests(self, action: str) -> int:
        return self.sqs.calls().requests(action, QUEUE)

    def wait_delivered(self, count: int) -> list[Held]:
        wait_for(lambda: len(self.delivered) >= count, f"{count} deliveries")
        return self.delivered

    def wait_empty(self) -> None:
        wait_for(lambda: self.counts().present == 0, "an empty queue")

    def reasons(self) -> list[dict[str, Any]]:
        return [
            json.loads(letter.attributes["fleet.reason"]["StringValue"])
            for letter in self.sqs.peek(DEAD_LETTERS)
        ]


def task_body(task_id: str) -> str:
    """A message of Celery's protocol 2, as JSON."""
    return json.dumps(
        {
            "body": "[[], {}, {}]",
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": "work.do", "id": task_id},
            "properties": {"delivery_info": {}},
        }
    )


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until ``condition`` holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.005)
    return value


@contextmanager
def bench(*, slots: int = 2, start: bool = True, **table: object) -> Iterator[Bench]:
    """Run an engine of ``slots`` slots; ``table`` are its queue's keys in the manifest."""
    keys = {"lease": "5s", "poll": "1s", "time_limit": "10m", **table}
    fleet = Fleet.model_validate(
        {"name": "acme", "region": "eu-west-1", "queues": {"work": {"tasks": ["work.*"], **keys}}}
    )
    with StrictSqs() as server, pytest.MonkeyPatch.context() as env:
        for name, value in {
            "AWS_ENDPOINT_URL_SQS": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }.items():
            env.setenv(name, value)
        client = boto3.client("sqs", region_name="eu-west-1")
        client.create_queue(QueueName=DEAD_LETTERS)
        url = client.create_queue(QueueName=QUEUE)["QueueUrl"]
        made = Bench(server.control, client, url)
        made.engine = Engine(
            fleet,
            fleet.queue("work"),
            Sqs(fleet),
            deliver=made.deliver,
            call_soon=made.loop.call_soon,
            rng=Random(1),
        )
        if start:
            made.engine.start(slots)
        try:
            yield made
        finally:
            made.engine.poller.stop()
            made.engine.heartbeat.stop()
            made.engine.acks.stop()
            made.loop.stop()
