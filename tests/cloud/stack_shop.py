"""A fleet of its own on a local AWS, for the tests of `ops stack` and `ops release`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.local.aws import local_environment
from tests.cloud.local_stacks import REGION, admin, client

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
#: An image that the local AWS knows.
IMAGE = "ami-12c6146b"
_WAIT_SECONDS = 150.0


@dataclass
class Shop:
    """A folder with the manifest of a fleet, and `ops` run in it."""

    url: str
    folder: Path
    name: str
    region: str = REGION

    def write(self, queues: Mapping[str, str], head: str = "", tail: str = "") -> None:
        """Write the manifest: `queues` are names with more lines of each."""
        parts = [f'name = "{self.name}"', f'region = "{self.region}"', head]
        for queue, more in queues.items():
            parts.append(f'[queues.{queue}]\ntasks = ["{queue}.*"]\n{more}')
        (self.folder / "fleet.toml").write_text("\n".join([*parts, tail, ""]))

    def furnish(self) -> None:
        """Put the image of the nodes where the stacks look for it."""
        self.client("ssm").put_parameter(
            Name=f"/{self.name}/image", Value=IMAGE, Type="String", Overwrite=True
        )

    def client(self, service: str) -> Any:
        """Return a client of the local AWS, as an operator's."""
        found = client(self.url, service, retries=2)
        assert self.region == REGION
        return found

    @property
    def bucket(self) -> str:
        """The fleet's artifact bucket."""
        return f"{self.name}-artifacts-{ACCOUNT}-{self.region}"

    def process(self, *args: str, stdin: Any = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start `ops` in the folder."""
        return subprocess.Popen(
            [sys.executable, "-m", "ops", *args],
            cwd=self.folder,
            env={**local_environment(self.url), "PYTHONPATH": str(ROOT)},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run `ops` without a terminal."""
        return finished(self.process(*args))

    def answer(self, answer: str, *args: str) -> subprocess.CompletedProcess[str]:
        """Run `ops` on a terminal where a person types `answer`."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, f"{answer}\n".encode())
            process = self.process(*args, stdin=theirs)
            return finished(process)
        finally:
            os.close(theirs)
            os.close(ours)

    def ok(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run `ops`, which must succeed."""
        ran = self.run(*args)
        assert ran.returncode == 0, ran.stderr
        return ran

    def plan(self, *args: str) -> list[tuple[str, str, str, str | None]]:
        """What a plan would change: stack, change, resource, what; its exit code must fit."""
        ran = self.run("stack", "plan", *args, "--json")
        assert ran.returncode in {0, 3}, ran.stderr
        changes = json.loads(ran.stdout)["changes"]
        assert ran.returncode == (3 if changes else 0)
        return [(c["stack"], c["change"], c["resource"], c["what"]) for c in changes]

    def stacks(self) -> dict[str, str]:
        """The status of each of the fleet's stacks, those only proposed included."""
        pages = self.client("cloudformation").get_paginator("list_stacks").paginate()
        return {
            one["StackName"]: one["StackStatus"]
            for page in pages
            for one in page["StackSummaries"]
            if one["StackName"].startswith(f"{self.name}-")
            and one["StackStatus"] != "DELETE_COMPLETE"
        }

    def proposed(self) -> list[str]:
        """Change sets that wait for somebody to execute them."""
        api = self.client("cloudformation")
        return [
            one["ChangeSetName"]
            for stack in self.stacks()
            for one in api.list_change_sets(StackName=stack)["Summaries"]
            if one["ExecutionStatus"] == "AVAILABLE"
        ]

    def queue_url(self, queue: str) -> str:
        """Where a queue of the fleet is. Raises QueueDoesNotExist."""
        found: str = self.client("sqs").get_queue_url(QueueName=f"{self.name}-{queue}")["QueueUrl"]
        return found

    def send(self, queue: str) -> None:
        """Put a message into a queue."""
        self.client("sqs").send_message(QueueUrl=self.queue_url(queue), MessageBody="{}")

    def fault(self, **fault: Any) -> None:
        """Have calls of the local AWS fail from now on."""
        admin(self.url, "faults", "POST", fault)


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for an `ops` to end; it never shows a traceback."""
    try:
        out, err = process.communicate(timeout=_WAIT_SECONDS)
    finally:
        process.kill()
    assert "Traceback" not in err, err
    arguments: Sequence[str] = list(map(str, process.args))  # type: ignore[arg-type]
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
