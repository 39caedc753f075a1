"""A machine of the local AWS that is to work: its queue, its tables, its application, its tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.local.aws import local_aws, local_environment
from ops.local.identity import key_of
from ops.local.record import Call, calls
from tests.e2e.fleet import REPOSITORY, wait_for
from tests.e2e.machines import ADDRESSES, INSTANCE, Node, machine

ID, ROLE = INSTANCE["instance_id"], "works-node"
MANIFEST = """
name = "works"
region = "eu-west-1"
imports = ["work"]
[queues.work]
tasks = ["work.*"]
concurrency = 1
pool = "solo"
poll = "1s"
"""
#: Each run notes its word and the environment of its interpreter.
WORK = """
import sys
from celery import shared_task
@shared_task(name="work.note")
def note(path, word):
    with open(path, "a") as file:
        file.write(f"{word} {sys.prefix}\\n")
"""


@dataclass
class Working:
    """A machine, and the folder of its local AWS, which holds its application and the record."""

    node: Node
    folder: Path
    url: str

    def ops(self, *args: str, given: str | None = None) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "ops", *args],
            cwd=self.folder,
            env={**local_environment(self.url), "PYTHONPATH": str(REPOSITORY)},
            input=given,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def made(self) -> list[Call]:
        """The calls of the node, so far."""
        return [call for call in calls(self.folder) if call.who == ID]

    def work(self, *words: str) -> None:
        """Send tasks, and wait until they were run."""
        lines = "".join(f'["{self._noted}", "{word}"]\n' for word in words)
        self.ops("tasks", "publish", "work.note", "--queue", "work", "--from", "-", given=lines)
        wait_for(lambda: set(words) <= set(self.ran()), f"{words} to be done\n{self.said()}")

    def ran(self) -> dict[str, str]:
        """The prefix of the interpreter that ran each word."""
        if not self._noted.exists():
            return {}
        return dict(line.split() for line in self._noted.read_text().splitlines())

    def said(self) -> str:
        """The ends of all logs of the machine."""
        return "".join(path.read_text()[-2000:] for path in (self.node.root / "log").iterdir())

    @property
    def _noted(self) -> Path:
        return self.folder / "noted"


@contextmanager
def working(folder: Path) -> Iterator[Working]:
    """Yield a machine that is not started yet, as an instance of the role ROLE."""
    with (
        local_aws(folder, lambda: None, ["--folder", str(folder)]) as url,
        machine(folder / "i-1", next(ADDRESSES)) as node,
    ):
        found = Working(node, folder, url)
        (folder / "fleet.toml").write_text(MANIFEST)
        (folder / "work.py").write_text(WORK)
        found.ops("queues", "apply", "--yes")
        found.ops("stores", "apply", "--yes")
        node.tell(
            endpoint=url,
            role=ROLE,
            credentials={**INSTANCE["credentials"], "AccessKeyId": key_of(ROLE, ID)},
            tags={"aws:autoscaling:groupName": "works-work"},
        )
        yield found
