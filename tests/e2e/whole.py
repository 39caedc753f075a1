"""A whole local fleet for a test, worked as a person does: by `ops`, in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import boto3

from ops.local import running
from ops.local.look import Node, nodes
from ops.local.machine.client import Unreachable, ask
from ops.local.process import Child, start
from tests.e2e.fleet import REPOSITORY

NAME = "whole"
REGION = "eu-west-1"
#: A machine that does other things too takes a minute to boot a node.
PATIENCE_SECONDS = 240.0

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

T = TypeVar("T")


def until(
    what: str,
    look: Callable[[], T | None],
    seconds: float = PATIENCE_SECONDS,
    else_: Callable[[], object] = str,
) -> T:
    """Return what `look` finds as soon as it is true; where it never is, `else_` is told."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}: {found!r}\n{else_()}"
        time.sleep(0.2)
    return found


@dataclass
class Whole:
    """A folder with a manifest and an application, its local AWS, and the engines over it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    engines: list[Child] = field(default_factory=list)
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
    def manifest(self) -> Path:
        return self.folder / "fleet.toml"

    @property
    def state(self) -> Path:
        return self.folder / ".fleet-local"

    @property
    def runs(self) -> Path:
        """Where tasks note their runs: beside the application, and no part of it."""
        return self.folder.parent / "runs"

    # -- commands -------------------------------------------------------------------------------

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "ops", *args]

    def environ(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLEET_", "AWS_"))}
        return {**clean, "PYTHONPATH": str(REPOSITORY), **self.env}

    def ops(
        self, *args: str, code: int = 0, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ops` and hold it to its exit code."""
        done = subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=self.environ(),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (args, done.stdout[-2000:], done.stderr)
        return done

    def json(self, *args: str, code: int = 0) -> Any:
        return json.loads(self.ops(*args, "--json", code=code).stdout)

    def up(self, *options: str) -> None:
        """Bring the local AWS up, and have every command from here on reach it."""
        self.ops("local", "up", *options)
        self.env = self.json("local", "env")

    def engine(self) -> Child:
        """Start an engine that ticks every two seconds."""
        child = start(
            "engine",
            self.command("scaling", "run", "--every", "2s"),
            env=self.environ(),
            cwd=self.folder,
            log=self.engine_log,
        )
        self.engines.append(child)
        return child

    @property
    def engine_log(self) -> Path:
        return self.folder.parent / "engine.log"

    def client(self, service: Any) -> Any:
        """A client of an operator, for what a test looks up or does as AWS's console would."""
        return boto3.client(
            service,
            endpoint_url=self.env["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    # -- work -----------------------------------------------------------------------------------

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

    # -- what there is --------------------------------------------------------------------------

    def nodes(self, queue: str = "") -> dict[str, Node]:
        """The nodes there are, by id, as `ops local status` has them."""
        found = nodes(running.found(self.state))
        return {one.id: one for one in found if not queue or one.group == f"{NAME}-{queue}"}

    def serving(self, queue: str, count: int) -> dict[str, Node]:
        """Return a queue's nodes once these are `count`, in service, and no others there."""

        def settled() -> dict[str, Node] | None:
            found = self.nodes(queue)
            states = {each.state for each in found.values()}
            return found if len(found) == count and states <= {"InService"} else None

        return until(f"{count} nodes of {queue}", settled, else_=self.said)

    def none_left(self, queue: str = "") -> None:
        """Wait until a queue has no node: in its group, in the registry, among the processes."""
        until(
            f"no node of {queue or 'any queue'}",
            lambda: not self.nodes(queue) and not self.registered(queue),
            else_=lambda: (self.said(), self.registered(queue)),
        )
        until(
            "no process of a node that is gone",
            lambda: not self.orphans(),
            else_=self.orphans,
        )

    def queues(self) -> dict[str, int]:
        """How many messages each queue holds, in whatever state."""
        return {
            each["name"]: each["waiting"] + each["in_flight"] + each["delayed"]
            for each in self.json("local", "status")["queues"]
        }

    def registered(self, queue: str = "") -> dict[str, dict[str, Any]]:
        """The registry's items of nodes, by the nodes' ids."""
        found = self.client("dynamodb").scan(TableName=f"{NAME}-registry", ConsistentRead=True)
        return {
            item["item"]["S"].rpartition("#")[2]: {
                k: next(iter(v.values())) for k, v in item.items()
            }
            for item in found["Items"]
            if item["item"]["S"].startswith(f"node#{queue}{'#' if queue else ''}")
        }

    def processes(self) -> dict[int, str]:
        """Every process that any node of this fleet's has, with its node."""
        mark = f"FLEET_ROOT={self.state}/nodes/"
        found = {}
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                for each in path.read_bytes().decode(errors="replace").split("\0"):
                    if each.startswith(mark):
                        found[int(path.parent.name)] = each.removeprefix(mark)
        return found

    def orphans(self) -> dict[int, str]:
        """Processes of nodes that are there no more."""
        there = set(self.nodes())
        return {pid: node for pid, node in self.processes().items() if node not in there}

    def said(self) -> str:
        """What the engine said last, for where something did not come about."""
        log = self.engine_log
        return log.read_text()[-4000:] if log.exists() else ""

    # -- a node ---------------------------------------------------------------------------------

    def unit(self, node: str, name: str) -> dict[str, Any]:
        """How a unit of a node stands (`agent`, `worker`); empty where its machine is no more."""
        try:
            units = ask(self.state / "nodes" / node, {"verb": "status"})["units"]
        except Unreachable:
            return {}
        return next((unit for called, unit in units.items() if f"-{name}" in called), {})

    def log(self, node: str, name: str) -> str:
        """What a unit of a node has said so far."""
        return "".join(
            path.read_text() for path in (self.state / f"nodes/{node}/log").glob(f"*-{name}*.log")
        )

    def has_said(self, node: str, name: str, what: str) -> bool:
        """Whether a unit of a node has said something."""
        return what in self.log(node, name)

    def worker_is_known(self, node: str) -> bool:
        """Whether the node's worker of now is one that its agent has seen."""
        pid = self.unit(node, "worker").get("pid")
        return pid is not None and self.has_said(node, "agent", f"workers: {pid}\n")

    def on_node(self, node: str, *args: str, code: int = 0) -> Any:
        """Run `ops node ... --json` as somebody does who is on the node."""
        root = self.state / "nodes" / node
        lines = (root / "etc/fleet/node.env").read_text().splitlines()
        own = {**self.env, **dict(line.split("=", 1) for line in lines)}
        own["FLEET_RUNTIME_DIR"] = str(root / "run/fleet")
        return replace(self, env=own).json("node", *args, code=code)

    def kill(self, node: str, name: str) -> int:
        """SIGKILL the main process of a unit, once it has one; return its process id."""
        pid = int(until(f"{name} of {node}", lambda: self.unit(node, name).get("pid")))
        os.kill(pid, signal.SIGKILL)
        return pid

    def calls(self, operation: str, node: str, **parameters: str) -> list[dict[str, Any]]:
        """The parameters of the calls that a node has made, out of the local AWS's record."""
        lines = (self.state / "calls.jsonl").read_text().splitlines()
        made = [json.loads(line) for line in lines if f'"{operation}"' in line and node in line]
        return [
            call["parameters"]
            for call in made
            if call["who"] == node and parameters.items() <= call["parameters"].items()
        ]

    def close(self) -> None:
        for engine in self.engines:
            engine.end()
        self.ops("local", "down")


@contextmanager
def whole(folder: Path) -> Iterator[Whole]:
    """A folder for a fleet; whatever of it is up at the end is ended."""
    (folder / "app").mkdir(parents=True)
    found = Whole(folder / "app")
    try:
        yield found
    finally:
        found.close()
