"""Services of a local AWS whose tasks are processes, for the tests of ECS."""

from __future__ import annotations

import json
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cloud.machines import Fleet, until

#: Of a container's program: `note("word")` appends to a file of the application's folder.
PRELUDE = """
import os, pathlib, signal, sys, time, urllib.error, urllib.request, json
def note(word):
    with open(os.path.join(os.environ["NOTES"], os.environ["AS"]), "a") as notes:
        notes.write(word + "\\n")
def wait():
    while True:
        signal.pause()
def leave(number, frame):
    note("asked to stop")
    sys.exit(7)
"""
#: It leaves when it is asked to, with exit code 7.
OBEYS = "signal.signal(signal.SIGTERM, leave); note('up'); wait()"
#: It does not.
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); note('up'); wait()"


def container(name: str, program: str, **more: Any) -> dict[str, Any]:
    """A container whose program is Python."""
    return {
        "name": name,
        "image": "example/image:1",
        "command": [sys.executable, "-S", "-c", PRELUDE + program],
        "stopTimeout": 2,
        **more,
    }


@dataclass
class Tasks:
    """A cluster of a local AWS, and the notes that programs leave."""

    fleet: Fleet
    notes_in: Path
    cluster: str = "c"
    _names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ecs: Any = self.fleet.client("ecs")
        self.ecs.create_cluster(clusterName=self.cluster)

    def define(self, name: str, *containers: dict[str, Any], **more: Any) -> str:
        """Register a definition of these containers; each notes under `NAME.CONTAINER`."""
        for each in containers:
            each["environment"] = [
                *each.get("environment", ()),
                {"name": "NOTES", "value": str(self.notes_in)},
                {"name": "AS", "value": f"{name}.{each['name']}"},
            ]
        made = self.ecs.register_task_definition(
            family=name, containerDefinitions=list(containers), cpu="256", memory="512", **more
        )
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn

    def serve(self, name: str, count: int = 1, **more: Any) -> None:
        """Create a service of the definition of its name."""
        chosen = {"taskDefinition": name, "desiredCount": count, **more}
        self.ecs.create_service(cluster=self.cluster, serviceName=name, **chosen)

    def scale(self, name: str, count: int) -> None:
        self.ecs.update_service(cluster=self.cluster, service=name, desiredCount=count)

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster=self.cluster, services=[name])[
            "services"
        ][0]
        return found

    def counts(self, name: str) -> tuple[int, int, int]:
        """What a service has desired, running and pending."""
        found = self.service(name)
        return found["desiredCount"], found["runningCount"], found["pendingCount"]

    def ids(self, name: str, status: str = "RUNNING") -> list[str]:
        """The ids of a service's tasks that are to be so, the oldest first."""
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=name, desiredStatus=status)[
            "taskArns"
        ]
        return [arn.rpartition("/")[2] for arn in arns]

    def task(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_tasks(cluster=self.cluster, tasks=[id])["tasks"][
            0
        ]
        return found

    def running(self, name: str, count: int) -> list[str]:
        """Return a service's tasks once so many run and no others are there."""
        until(f"{count} tasks of {name}", lambda: self.counts(name) == (count, count, 0))
        return self.ids(name)

    def stopped(self, id: str) -> dict[str, Any]:
        """Return a task once it has stopped."""

        def look() -> dict[str, Any] | None:
            found = self.task(id)
            return found if found["lastStatus"] == "STOPPED" else None

        return until(f"the end of {id}", look)

    def exits(self, id: str) -> dict[str, int | None]:
        """The exit codes of a task's containers."""
        return {each["name"]: each.get("exitCode") for each in self.task(id)["containers"]}

    def notes(self, name: str) -> list[str]:
        """What a container has noted: `SERVICE.CONTAINER`."""
        path = self.notes_in / name
        return path.read_text().splitlines() if path.exists() else []

    def noted(self, name: str, word: str, count: int = 1) -> None:
        until(f"{word} of {name}", lambda: self.notes(name).count(word) >= count)

    def shown(self) -> dict[str, dict[str, Any]]:
        """What the local AWS tells of its tasks, by id."""
        with urllib.request.urlopen(f"{self.fleet.url}/_fleet/tasks", timeout=10) as answer:
            return {each["task_id"]: each for each in json.load(answer)["tasks"]}

    def kill(self, id: str) -> None:
        request = urllib.request.Request(
            f"{self.fleet.url}/_fleet/tasks/{id}", b'{"kill": true}', method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()

    def tell(self, id: str, **facts: Any) -> None:
        """Have a task's host be told something else."""
        path = self.fleet.node(id) / "task.json"
        fresh = path.with_suffix(".fresh")
        fresh.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
        fresh.replace(path)

    def pids(self, id: str) -> list[int]:
        """The process ids of a task's host and containers."""
        shown = self.shown()[id]
        pids = [each["pid"] for each in shown["containers"].values()]
        return [pid for pid in (shown["pid"], *pids) if pid is not None]

    def delete(self, name: str) -> None:
        self.ecs.delete_service(cluster=self.cluster, service=name, force=True)
