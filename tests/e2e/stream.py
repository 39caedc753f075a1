"""A producer that never stops while faults come and go, and the account of what it sent."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.harness import message
from tests.e2e.fleet import Fleet, Worker, wait_for

#: The access key of workers under test, by which faults strike them and not the producer.
WORKER_KEY = "WORKER"


class Stream(threading.Thread):
    """Sends ``e2e.nap`` tasks, each once, at a steady pace until stopped.

    ``sent`` are the keys whose sending SQS confirmed; of the others it is not known.
    """

    def __init__(self, fleet: Fleet, naps_seconds: Iterable[float], every_seconds: float) -> None:
        super().__init__(name="stream", daemon=True)
        self._fleet = fleet
        self._naps = itertools.cycle(naps_seconds)
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._client = self._once()
        self._url = self._client.get_queue_url(QueueName=fleet.queue_name)["QueueUrl"]
        self.sent: list[str] = []
        self.unsure: list[str] = []

    def run(self) -> None:
        """Send until stopped."""
        while not self._stopped.wait(self._every_seconds):
            key = f"stream-{len(self.sent) + len(self.unsure)}"
            body = message("e2e.nap", (key, next(self._naps)))
            try:
                self._client.send_message(QueueUrl=self._url, MessageBody=body)
            except (ClientError, BotoCoreError):
                self.unsure.append(key)
            else:
                self.sent.append(key)

    def _once(self) -> Any:
        # Sent at most once: a second attempt might be a second message.
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
        return boto3.client(
            "sqs",
            endpoint_url=self._fleet.server.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=once,
        )

    def end(self) -> None:
        """Stop sending."""
        self._stopped.set()
        self.join()


@contextlib.contextmanager
def streaming(
    fleet: Fleet, naps_seconds: Iterable[float] = (0.05,), every_seconds: float = 0.1
) -> Iterator[Stream]:
    """Send while the block runs."""
    stream = Stream(fleet, naps_seconds, every_seconds)
    stream.start()
    try:
        yield stream
    finally:
        stream.end()


def lost(fleet: Fleet, stream: Stream) -> set[str]:
    """Return the keys that were sent and never finished."""
    return set(stream.sent) - fleet.finished()


def unexplained(fleet: Fleet, killed_at: dict[int, float] | None = None) -> list[str]:
    """Return the keys that ran more often than kills and logged lost leases account for.

    ``killed_at`` gives the epoch seconds at which each worker's process was killed. A kill
    accounts for one more run of what ran there, or had ended there so recently that its delete
    may not have been sent: deletes wait 0.2 s for company and take a round trip.
    """
    killed_at = killed_at or {}
    logs = "".join(worker.log for worker in fleet.workers)
    found = []
    by_key: dict[str, list[Any]] = {}
    for run in fleet.runs():
        by_key.setdefault(run.key, []).append(run)
    for key, runs in by_key.items():
        for run, after in itertools.pairwise(runs):
            kill = killed_at.get(run.pid, killed_at.get(run.ppid))
            by_kill = (
                kill is not None
                and after.started_at > kill
                and (run.ended_at is None or run.ended_at > kill - UNSENT_DELETE_SECONDS)
            )
            if not by_kill and f"lease lost: e2e.nap[{run.task_id}]" not in logs:
                found.append(f"{key}: {run} and again {after}")
    return found


#: With room for a loaded machine.
UNSENT_DELETE_SECONDS = 1.5


def settled(fleet: Fleet, stream: Stream, worker: Worker, seconds: float = 60.0) -> None:
    """Wait until everything sent was run and deleted; fail if a run is lost or unexplained."""
    wait_for(lambda: fleet.empty() and not lost(fleet, stream), "all to be done", worker, seconds)
    assert not unexplained(fleet)
