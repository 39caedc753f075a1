"""The workers of this machine, found by their control sockets."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker import control

_NAME = re.compile(r"(?P<name>.+)-(?P<pid>\d+)\.sock")


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's socket; `queue` is `{fleet}-{queue}` until the worker says which part is which."""

    path: Path
    queue: str
    pid: int

    def alive(self) -> bool:
        """Whether its process still runs; one that only waits to be reaped does not."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return not _dead(self.pid)

    def listens(self) -> bool:
        """Whether a process holds its socket open, also one whose id is not known here.

        The containers of a task share the folder and not the process table: a worker's id is
        nobody's in the agent's container, or another's.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            try:
                with control.short(self.path) as place:
                    client.connect(place)
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError:  # it has more askers than it answers, or is not for us
                return True
        return True


def _dead(pid: int) -> bool:
    """Whether a process has ended and nobody has asked for its status yet (proc(5), stat)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # gone meanwhile, or not for us to see
        return False
    # The name before the state is the program's own choice, brackets and all.
    return stat.rpartition(b") ")[2][:1] in (b"Z", b"X")


def workers(*, queue: str | None = None, pid: int | None = None) -> list[Worker]:
    """Return this machine's workers, oldest process id first.

    Sockets that no process holds open (a worker that was killed) are removed on the way.
    """
    found = []
    for path in control.directory().glob("*.sock"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        worker = Worker(path, match["name"], int(match["pid"]))
        if not worker.listens():
            path.unlink(missing_ok=True)
        elif queue in (None, worker.queue) or worker.queue.endswith(f"-{queue}"):
            found.append(worker)
    return sorted((w for w in found if pid in (None, w.pid)), key=lambda worker: worker.pid)


def status(worker: Worker) -> dict[str, Any]:
    """Return a worker's own account; `ok` is false and `error` a line where none answers."""
    return _ask(worker, {"verb": "status"})


def order(worker: Worker, verb: str, **options: Any) -> dict[str, Any]:
    """Give a worker an order and return its answer, as `status` does."""
    return _ask(worker, {"verb": verb, "reason": "ops node", **options})


def _ask(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    known = {"queue": worker.queue, "pid": worker.pid}
    try:
        return {**known, **control.ask(worker.path, request)}
    except control.Unreachable as error:
        return {**known, "ok": False, "error": str(error)}
