"""The machines behind the local AWS's instances: a folder, an address and a process group each."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from ops.local.machine.client import Unreachable, ask
from ops.local.machine_process import spawn
from ops.local.names import part

_log = logging.getLogger(__name__)

ENDED: Final = "ended.json"
#: What units are given to stop in when an instance ends; longer than EC2 would hurry them.
SHUTDOWN_SECONDS: Final = 5.0
_HURRY_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What runs in a machine's folder: a module of ours, and the file of what it is told."""

    module: str
    facts: str


INSTANCE: Final = Kind("ops.local.machine", "instance.json")


@dataclass(slots=True)
class Machine:
    """A machine: `facts` is what its file of facts holds, `labels` are its instance's tags, which
    those show only where the instance may see them. `process` is None until it is started.
    """

    id: str
    folder: Path
    address: str
    facts: dict[str, Any]
    labels: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    #: It is to stop, or has stopped, and may be started again.
    stops: bool = False
    #: What boots an instance is done at its first start.
    booted: bool = False
    #: Within how many seconds it is to end; None: it is not.
    ends_within: float | None = None
    gone: threading.Event = field(default_factory=threading.Event)
    #: Held while its process group is signalled, so that it is not reaped meanwhile.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group, if it is there."""
        with self.lock, contextlib.suppress(ProcessLookupError):
            if self.process is not None and not self.gone.is_set():
                os.killpg(self.process.pid, number)


class Machines:
    """The machines of a local AWS. Starts them, one after another, in a thread of its own: the
    kernel ends a machine with the thread that started it.

    `on_running` and `on_gone` are told of an instance id from threads of this object.
    """

    def __init__(self, folder: Path, boot_seconds: float, kind: Kind = INSTANCE) -> None:
        self._kind = kind
        self.folder = folder / "nodes"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.on_running: Callable[[str], None] = lambda _: None
        self.on_gone: Callable[[str], None] = lambda _: None
        self._boot_seconds = boot_seconds
        # Fleets of other folders on this machine have other addresses, as far as they go.
        net = 20 + zlib.crc32(bytes(self.folder.resolve())) % 200
        self._before_first = IPv4Address(f"127.{net}.0.0")
        self._machines: dict[str, Machine] = {}
        self._lock = threading.Lock()
        self._count = sum(1 for _ in self.folder.iterdir())
        self._jobs: queue.SimpleQueue[Machine] = queue.SimpleQueue()
        self._closed = False
        threading.Thread(target=self._spawn_all, name="machines", daemon=True).start()

    def get(self, instance: str) -> Machine | None:
        """Return the machine of an instance, until it has ended."""
        with self._lock:
            return self._machines.get(instance)

    def all(self) -> list[Machine]:
        """Return the machines there are, the oldest first."""
        with self._lock:
            return list(self._machines.values())

    def address(self) -> str:
        """Return a loopback address that no machine of this folder has or had."""
        with self._lock:
            self._count += 1
            return str(self._before_first + self._count)

    def launch(
        self, instance: str, address: str, facts: dict[str, Any], labels: dict[str, str]
    ) -> None:
        """Have a machine started with these facts; returns at once."""
        machine = Machine(instance, self.folder / part(instance), address, facts, labels)
        machine.folder.mkdir()
        _write(machine.folder / self._kind.facts, facts)
        with self._lock:
            self._machines[instance] = machine
        self._jobs.put(machine)

    def tell(self, instance: str, **facts: Any) -> None:
        """Change what a machine's metadata service says."""
        machine = self.get(instance)
        if machine is None:
            return
        with machine.lock:
            machine.facts.update(facts)
            _write(machine.folder / self._kind.facts, machine.facts)

    def kill(self, instance: str) -> None:
        """Have a machine vanish, as hardware does."""
        if (machine := self.get(instance)) is not None:
            machine.signal(signal.SIGKILL)

    def end(self, instance: str, within_seconds: float = SHUTDOWN_SECONDS) -> None:
        """Shut a machine down, and kill it where that takes too long; returns at once.

        Of several times the shortest counts.
        """
        machine = self.get(instance)
        if machine is None:
            self.on_gone(instance)
            return
        with machine.lock:
            if machine.ends_within is not None and within_seconds >= machine.ends_within:
                return
            machine.ends_within = within_seconds
            rests = machine.stops and machine.process is None
        last = partial(self._forget, machine, None)
        end = last if rests else partial(self._shut_down, machine, within_seconds)
        threading.Thread(target=end, name="end", daemon=True).start()

    def stop(self, instance: str) -> None:
        """Shut a machine down, to be started again; `on_gone` hears of it. Returns at once."""
        machine = self.get(instance)
        if machine is not None:
            machine.stops = True
            shut_down = partial(self._shut_down, machine, SHUTDOWN_SECONDS)
            threading.Thread(target=shut_down, name="stop", daemon=True).start()

    def start(self, instance: str) -> None:
        """Start a machine again that has stopped; returns at once."""
        machine = self.get(instance)
        if machine is not None:
            with machine.lock:
                machine.stops, machine.gone = False, threading.Event()
            self._jobs.put(machine)

    def close(self) -> None:
        """End all machines, and wait until none is left."""
        self._closed = True
        for machine in self.all():
            self.end(machine.id)
        deadline = time.monotonic() + SHUTDOWN_SECONDS + _HURRY_SECONDS
        for machine in self.all():
            if not machine.gone.wait(max(0.0, deadline - time.monotonic())):
                machine.signal(signal.SIGKILL)

    def _shut_down(self, machine: Machine, within_seconds: float) -> None:
        asked = {"verb": "shutdown", "within_seconds": within_seconds}
        try:
            ask(machine.folder, asked, timeout_seconds=SHUTDOWN_SECONDS + 1)
        except Unreachable:
            machine.signal(signal.SIGTERM)
        if not machine.gone.wait(within_seconds + _HURRY_SECONDS):
            machine.signal(signal.SIGKILL)

    def _spawn_all(self) -> None:
        while True:
            machine = self._jobs.get()
            try:
                self._begin(machine)
            except Exception:  # all machines would end with this thread
                _log.exception("%s", machine.id)

    def _begin(self, machine: Machine) -> None:
        if machine.ends_within is not None or self._closed or not self._spawn(machine):
            self._forget(machine, None)
            return
        threading.Thread(target=self._watch, args=(machine,), name="watch", daemon=True).start()
        self.on_running(machine.id)

    def _spawn(self, machine: Machine) -> bool:
        boot_seconds = 0.0 if machine.booted else self._boot_seconds
        machine.booted = True
        words = ["--folder", str(machine.folder), "--address", machine.address]
        words += ["--boot", str(boot_seconds)]
        machine.process = spawn(machine.folder, self._kind.module, words)
        return machine.process is not None

    def _watch(self, machine: Machine) -> None:
        assert machine.process is not None  # noqa: S101  # it was just started
        pid = machine.process.pid
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        # Not yet reaped, it keeps its id: what is left of its group is still its own.
        machine.signal(signal.SIGKILL)
        with machine.lock:
            code = machine.process.wait()
            machine.gone.set()
            rests = machine.stops and machine.ends_within is None
            if rests:
                machine.process = None
        if rests:
            self.on_gone(machine.id)
        else:
            self._forget(machine, code)

    def _forget(self, machine: Machine, code: int | None) -> None:
        _write(machine.folder / ENDED, {"at": time.time(), "exit": code})
        machine.gone.set()
        with self._lock:
            self._machines.pop(machine.id, None)
        self.on_gone(machine.id)


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write a file that no reader meets half written."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value, indent=1))
    new.chmod(0o600)
    new.replace(path)
