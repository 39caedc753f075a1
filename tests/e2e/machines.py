"""A machine of the local AWS for a test: its folder, its units, and what runs on it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ops.local.machine.client import Unreachable, ask
from tests.e2e.fleet import REPOSITORY, ended, wait_for

INSTANCE: dict[str, Any] = {
    "instance_id": "i-0123456789abcdef0",
    "image_id": "ami-0123456789abcdef0",
    "instance_type": "m7g.large",
    "region": "eu-west-1",
    "availability_zone": "eu-west-1b",
    "private_ip": "10.0.0.7",
    "life_cycle": "spot",
    "tags": {"fleet:name": "media", "fleet:queue": "video"},
    "role": "media-node",
    "credentials": {
        "AccessKeyId": "FLEETLOCAL.media-node.i-0123456789abcdef0",
        "SecretAccessKey": "none",
        "Token": "a-token",
        "Expiration": "2099-01-01T00:00:00Z",
    },
    "user_data": "",
    "endpoint": "http://127.0.0.1:9",
    "target_lifecycle_state": None,
    "spot_action": None,
    "rebalance": None,
}

#: An address for each machine, of one process of tests.
ADDRESSES = (f"127.77.{os.getpid() % 200 + 1}.{number}" for number in itertools.count(1))

#: Of a unit's program: `tell("READY=1")`, and `note("word")` appends to the unit's notes.
PRELUDE = """
import os, pathlib, signal, socket, subprocess, sys, time
def tell(line):
    to = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(line.encode(), to)
def note(word):
    with open(__file__ + ".notes", "a") as notes:
        notes.write(word + "\\n")
def wait():
    while True:
        signal.pause()
"""
READY = 'tell("READY=1")\nwait()'
NOTIFY = ("Type=notify", "KillMode=mixed")
#: A child of the program's, one that has left its session, and one that has lost its parent.
FAMILY = """
subprocess.Popen(["sleep", "3001"])
subprocess.Popen(["sleep", "3002"], start_new_session=True)
subprocess.run(["/bin/sh", "-c", "setsid sleep 3003 & setsid setsid sleep 3004 &"])
tell("READY=1")
wait()
"""


@dataclass
class Node:
    """A machine and its folder."""

    root: Path
    address: str
    process: subprocess.Popen[bytes] | None = None
    seen: set[int] = field(default_factory=set)

    def tell(self, **facts: Any) -> None:
        """Have the local AWS say something else of the instance."""
        path = self.root / "instance.json"
        known = json.loads(path.read_bytes()) if path.exists() else INSTANCE
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({**known, **facts}))
        fresh.replace(path)

    def unit(self, name: str, program: str, *lines: str, top: tuple[str, ...] = ()) -> None:
        """Write a unit whose program is Python."""
        folder = self.root / "etc/systemd/system"
        folder.mkdir(parents=True, exist_ok=True)
        script = self.program(name)
        script.write_text(PRELUDE + program)
        text = ["[Unit]", *top, "[Service]", f"ExecStart={sys.executable} -S {script} %i", *lines]
        (folder / f"{name}.service").write_text("\n".join([*text, ""]))

    def program(self, name: str) -> Path:
        """Where the program of a unit lies."""
        return self.root / f"{name}.py"

    def notes(self, name: str) -> list[str]:
        """What the program of a unit has noted."""
        path = Path(f"{self.program(name)}.notes")
        return path.read_text().splitlines() if path.exists() else []

    def start(self, boot_seconds: float = 0.0) -> None:
        """Start it and wait until it can be asked."""
        command = [sys.executable, "-m", "ops.local.machine", "--folder", str(self.root)]
        command += ["--address", self.address, "--boot", str(boot_seconds)]
        with (self.root / "console.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers, "a machine that answers")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "console.log").read_text()
        with contextlib.suppress(Unreachable):
            return bool(self.ask("status")["ok"])
        return False

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        """Ask it something, and remember its processes."""
        answer = ask(self.root, {"verb": verb, **more}, timeout_seconds=30)
        self.look()
        return answer

    def look(self) -> set[int]:
        """Return the processes of the machine there are, and remember them."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            keeper = psutil.Process(self.process.pid)
            found = {keeper.pid, *(child.pid for child in keeper.children(recursive=True))}
            self.seen |= found
            return found
        return set()

    def status(self, name: str) -> dict[str, Any]:
        """How a unit stands."""
        found: dict[str, Any] = self.ask("status")["units"].get(f"{name}.service", {})
        return found

    def becomes(self, name: str, **wanted: Any) -> dict[str, Any]:
        """Wait until a unit stands so, and return how it does."""

        def stands() -> dict[str, Any] | None:
            found = self.status(name)
            return found if wanted.items() <= found.items() else None

        found: dict[str, Any] = wait_for(stands, f"{name} to be {wanted}")
        return found

    def systemctl(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the machine's `systemctl`."""
        return subprocess.run(
            [self.root / "bin/systemctl", *args],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def log(self, name: str) -> str:
        """A log of the machine."""
        return (self.root / "log" / f"{name}.log").read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the machine's process group."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def gone(self) -> int:
        """Wait until nothing of it is left, and return its exit code."""
        assert self.process is not None
        code = self.process.wait(30)
        wait_for(lambda: all(ended(pid) for pid in self.seen), "nothing to be left of it")
        return code


@contextmanager
def machine(root: Path, address: str) -> Iterator[Node]:
    """Yield a machine that is not started yet; nothing of it is left at the end."""
    root.mkdir()
    node = Node(root, address)
    node.tell()
    try:
        yield node
    finally:
        if node.process is not None:
            node.process.kill()
            node.gone()


def family(node: Node) -> set[int]:
    """The programs that FAMILY starts, once they all run."""

    def sleepers() -> set[int]:
        found = set()
        for pid in node.look():
            try:
                if psutil.Process(pid).name() == "sleep":
                    found.add(pid)
            except psutil.NoSuchProcess:
                pass
        return found

    wait_for(lambda: len(sleepers()) == 4, "a family of four")
    return sleepers()
