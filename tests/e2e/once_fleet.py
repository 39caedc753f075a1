"""A fleet of one queue with its once table, behind a DynamoDB that can err."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3

from tests.e2e.fleet import NAME, Fleet, Worker, one_queue
from tests.faulty import Faulty

TABLE = f"{NAME}-once"


@dataclass
class OnceFleet:
    """A fleet, and the proxy to its DynamoDB."""

    fleet: Fleet
    proxy: Faulty
    begun_at_line: int = 0

    @contextmanager
    def one_test(self) -> Iterator[Self]:
        """Begin with no faults, no counted calls and no records; end with no workers."""
        self.begun_at_line = len(self._records())
        self.proxy.forget()
        try:
            yield self
        finally:
            self.fleet.stop_all()
            self.fleet.workers.clear()
            self.proxy.clear()
            self.fleet.sqs.clear_faults()

    def start(self, *flags: str) -> Worker:
        """Start a worker that knows the tasks of `e2e_once`."""
        return self.fleet.start("-I", "e2e_once", *flags, AWS_ENDPOINT_URL=self.proxy.url)

    def ops(self, *args: str) -> None:
        """Run `ops` and see that it is content."""
        subprocess.run(
            [sys.executable, "-m", "ops", *args],
            env=self.fleet.env(AWS_ENDPOINT_URL=self.proxy.url),
            cwd=self.fleet.folder,
            check=True,
            capture_output=True,
        )

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return what tasks have recorded of an event, in order."""
        lines = map(json.loads, self._records()[self.begun_at_line :])
        return [line for line in lines if line["event"] == event]

    def _records(self) -> list[str]:
        path = self.fleet.runs_path
        return path.read_text().splitlines() if path.exists() else []

    def item(self, key: str) -> dict[str, Any]:
        """Return a key's item as it lies in the table."""
        dynamodb: Any = boto3.client(
            "dynamodb",
            endpoint_url=self.proxy.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        item: dict[str, Any] = dynamodb.get_item(TableName=TABLE, Key={"key": {"S": key}})["Item"]
        return item

    def effects(self) -> Counter[str]:
        """Count the effects of each key."""
        return Counter(line["key"] for line in self.lines("effect"))

    def answers(self) -> dict[str, Any]:
        """Return what `once` answered, by key of the task."""
        return {line["key"]: line["answer"] for line in self.lines("answer")}


@contextmanager
def once_fleet(folder: Path, aws: str, **table: object) -> Iterator[OnceFleet]:
    """Run a fleet whose DynamoDB is at the URL `aws`; `table` are its queue's keys."""
    with Faulty(aws) as proxy, one_queue(folder, **table) as fleet:
        once = OnceFleet(fleet, proxy)
        once.ops("stores", "apply", "--yes")
        yield once
