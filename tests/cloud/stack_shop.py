"""A fleet of its own on a local AWS, for the tests of `ops stack` and `ops release`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.local.aws import local_aws, local_environment
from tests.cloud.forked import Forked, ops
from tests.cloud.local_stacks import REGION, admin, client
from tests.talk import without_waiting

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
#: An image that the local AWS knows, for the types that nodes have by default: of Arm's.
IMAGE = "ami-0e9271c829888680e"
_WAIT_SECONDS = 150.0


@dataclass
class Shop:
    """A folder with the manifest of a fleet, and `ops` run in it."""

    url: str
    folder: Path
    name: str
    region: str = REGION
    clients: dict[str, Any] = field(default_factory=dict)

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
        assert self.region == REGION
        if service not in self.clients:
            self.clients[service] = client(self.url, service, retries=2)
        return self.clients[service]

    @property
    def bucket(self) -> str:
        """The fleet's artifact bucket."""
        return f"{self.name}-artifacts-{ACCOUNT}-{self.region}"

    def process(self, *args: str, stdin: int | None = None) -> Forked:
        """Start `ops` in the folder; without a `stdin` it has an empty one."""
        env = {**local_environment(self.url), "PYTHONPATH": str(ROOT)}
        with Path(os.devnull).open("rb") as nothing:
            given = nothing.fileno() if stdin is None else stdin
            return ops(args, cwd=self.folder, env=env, stdin=given)

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
        rows = rows_of(json.loads(ran.stdout))
        assert ran.returncode == (3 if rows else 0)
        return rows

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


@contextmanager
def shop_alone(folder: Path, name: str) -> Iterator[Shop]:
    """Start a local AWS for a fleet alone, with the image of its nodes."""
    # No schedule fires: nothing is scaled while it is looked at.
    quiet = ["--folder", str(folder / "state"), "--minute", "3600"]
    with local_aws(folder, lambda: None, quiet) as url:
        shop = Shop(url, folder, name)
        shop.furnish()
        yield shop


def rows_of(told: Mapping[str, Any]) -> list[tuple[str, str, str, str | None]]:
    """The changes in a plan's JSON: stack, change, resource, what."""
    return [(c["stack"], c["change"], c["resource"], c["what"]) for c in told["changes"]]


def finished(process: Forked) -> subprocess.CompletedProcess[str]:
    """Wait for an `ops` to end; it never shows a traceback."""
    try:
        out, err = process.communicate(timeout=_WAIT_SECONDS)
    finally:
        process.kill()
    assert "Traceback" not in err, err
    assert process.returncode is not None
    return without_waiting(subprocess.CompletedProcess(process.args, process.returncode, out, err))
