"""The work of a whole local fleet in a test: its application, what was sent, and what was run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.whole_desk import REGION, Desk, until

NAME = "whole"

#: Short times; what Auto Scaling does not take shorter is as short as it takes it.
HEAD = f"""
name = "{NAME}"
region = "{REGION}"
imports = ["work"]

[defaults]
concurrency = 2
poll = "1s"
lease = "20s"
time_limit = "3m"
drain_budget = "2m"
nodes = {{ max = 4, boot = "10s", heartbeat = "30s" }}
scaling = {{ headroom = "off", predict = "off" }}
"""

#: The application. `hold` ends when a file is there, `nap` in its time; each run is two lines.
WORK = """
import json
import os
import pathlib
import time

from celery import shared_task


def note(task, event, key, into):
    line = {"event": event, "key": key, "node": pathlib.Path(os.environ["FLEET_ROOT"]).name}
    line |= {"pid": os.getpid(), "release": os.environ["FLEET_RELEASE"]}
    runs = os.open(into, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(runs, json.dumps(line).encode() + b"\\n")
    os.close(runs)


@shared_task(bind=True, name="work.nap")
def nap(self, key, into, seconds):
    note(self, "start", key, into)
    time.sleep(seconds)
    note(self, "end", key, into)


@shared_task(bind=True, name="work.hold")
def hold(self, key, into):
    note(self, "start", key, into)
    ends = time.monotonic() + 150
    while time.monotonic() < ends and not pathlib.Path(f"{into}.{key}").exists():
        time.sleep(0.05)
    note(self, "end", key, into)
"""


@dataclass
class Works(Desk):
    """A desk whose folder holds an application."""

    keys: list[str] = field(default_factory=list)

    def write(self, *queues: str, top: str = "", **keys: str) -> None:
        """Declare these queues; `keys` are lines of a queue's table, by its name."""
        tables = [
            f'\n[queues.{queue}]\ntasks = ["{queue}.*"]\n{keys.get(queue, "")}\n'
            for queue in queues
        ]
        self.manifest.write_text(f"{top}{HEAD}{''.join(tables)}")
        (self.folder / "work.py").write_text(WORK)

    @property
    def runs(self) -> Path:
        """Where tasks note their runs: beside the application, and no part of it."""
        return self.folder.parent / "runs"

    def publish(self, queue: str, task: str, *args: Any, count: int = 1) -> list[str]:
        """Send calls of a task, each with a key of its own; return the keys."""
        keys = [f"{queue}-{len(self.keys) + i}" for i in range(count)]
        self.keys += keys
        lines = "".join(json.dumps([key, str(self.runs), *args]) + "\n" for key in keys)
        self.ops("tasks", "publish", f"work.{task}", "--queue", queue, "--from", "-", given=lines)
        return keys

    def let_go(self, *keys: str) -> None:
        """End tasks that hold."""
        for key in keys:
            Path(f"{self.runs}.{key}").touch()

    def lines(self) -> list[dict[str, Any]]:
        if not self.runs.exists():
            return []
        return [json.loads(line) for line in self.runs.read_text().splitlines()]

    def times(self, event: str) -> Counter[str]:
        """How often each key began (`start`) or came to its end (`end`)."""
        return Counter(line["key"] for line in self.lines() if line["event"] == event)

    def places(self) -> dict[str, str]:
        """On which node each key was begun last."""
        return {line["key"]: line["node"] for line in self.lines() if line["event"] == "start"}

    def wait_done(self, keys: list[str]) -> None:
        until(
            f"{keys} done",
            lambda: set(keys) <= set(self.times("end")),
            else_=lambda: (self.said(), self.times("end")),
        )

    def wait_begun(self, keys: list[str]) -> dict[str, str]:
        """Wait until all of these run, and return the node of each."""
        until(
            f"{keys} begun",
            lambda: set(keys) <= set(self.places()),
            else_=lambda: (self.said(), self.places()),
        )
        return {key: self.places()[key] for key in keys}

    def once_each(self) -> None:
        """Hold every key that was sent to exactly one run, from its start to its end."""
        wanted = Counter(self.keys)
        assert self.times("start") == wanted
        assert self.times("end") == wanted

    @property
    def engine_log(self) -> Path:
        return self.folder.parent / "engine.log"

    def said(self) -> str:
        """What the engine said last, for where something did not come about."""
        logs = (self.engine_log, self.state / f"lambda/{NAME}-scaling.log")
        return "".join(log.read_text()[-4000:] for log in logs if log.exists())
