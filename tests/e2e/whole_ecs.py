"""A whole local fleet whose queue is served by tasks of ECS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.whole import Whole, until
from tests.e2e.whole_work import NAME


def on_ecs(least: int, more: str) -> str:
    """What a queue's table says for its tasks to run on ECS."""
    nodes = f'image = "example.test/{NAME}:1", min = {least}, max = 4, boot = "10s"'
    return f'runtime = "ecs"\nnodes = {{ {nodes} }}\n{more}'


@dataclass
class Served(Whole):
    """A fleet on ECS, whose tasks are looked at as `ops` shows them."""

    def declare(self, *queues: str, least: int = 0, more: str = "") -> None:
        """Declare queues on ECS. Their image is the folder: no release is put."""
        self.write(*queues, **dict.fromkeys(queues, on_ecs(least, more)))
        work = self.folder / "work.py"
        work.write_text(work.read_text().replace('os.environ["FLEET_RELEASE"]', '"image"'))

    def tasks(self, queue: str = "") -> dict[str, dict[str, Any]]:
        """The tasks there are, by id, as `ops local status` has them."""
        return {
            each["id"]: each
            for each in self.json("local", "status")["tasks"]
            if not queue or each["service"] == f"{NAME}-{queue}"
        }

    def running(self, queue: str, count: int) -> list[str]:
        """Return a queue's tasks once these are so many, all run, and all have registered."""

        def settled() -> list[str] | None:
            found = self.tasks(queue)
            run = {id for id, each in found.items() if each["state"] == "RUNNING"}
            whole = len(found) == count and run == set(found) == set(self.registered(queue))
            return list(found) if whole else None

        return until(f"{count} tasks of {queue}", settled, else_=self.said)

    def rid(self, queue: str) -> None:
        """Wait until a queue has no task: in its service, the registry, among the processes."""
        until(
            f"no task of {queue}",
            lambda: not self.tasks(queue) and not self.registered(queue),
            else_=lambda: (self.said(), self.tasks(queue), self.registered(queue)),
        )
        until("no process of theirs", lambda: not self.processes(), else_=self.processes)

    def on_task(self, task: str, *args: str, code: int = 0) -> Any:
        """Run `ops node ... --json` as in the worker's container of a task."""
        pid = min(self.tasks()[task]["pids"])
        own = dict(
            each.partition("=")[::2]
            for each in Path(f"/proc/{pid}/environ").read_text().split("\0")
            if each.startswith(("FLEET_", "AWS_", "ECS_"))
        )
        before, self.env = self.env, own
        try:
            return self.json("node", *args, code=code)
        finally:
            self.env = before

    def service(self, queue: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("ecs").describe_services(
            cluster=NAME, services=[f"{NAME}-{queue}"]
        )["services"][0]
        return found

    def ever(self, queue: str) -> list[str]:
        """The ids of a queue's tasks, also of those that have stopped."""
        ecs = self.client("ecs")
        return [
            arn.rpartition("/")[2]
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(
                cluster=NAME, serviceName=f"{NAME}-{queue}", desiredStatus=status
            )["taskArns"]
        ]

    def container_log(self, task: str, container: str) -> str:
        return (self.state / "nodes" / task / "log" / f"{container}.log").read_text()

    def called(self, operation: str, task: str) -> set[str]:
        """The roles with which a task has called an operation, out of the record."""
        lines = (self.state / "calls.jsonl").read_text().splitlines()
        made = (json.loads(line) for line in lines if f'"{operation}"' in line and task in line)
        return {call["role"] for call in made if call["who"] == task}


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A folder for a fleet on ECS; whatever of it is up at the end is ended."""
    (folder / "app").mkdir(parents=True)
    found = Served(folder / "app")
    try:
        yield found
    finally:
        found.close()
