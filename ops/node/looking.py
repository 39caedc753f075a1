"""Looking at the workers of one queue on this machine, and telling them what to do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ops.node.local import Worker, order, status, workers
from ops.node.seen import seen
from ops.node.sight import Looked
from worker import control, holds

if TYPE_CHECKING:
    from ops.node.actions import Tell


def look(name: str) -> Looked:
    """Ask every worker of `name` (`{fleet}-{queue}`) how it is, one after the other.

    One that does not answer costs the socket's time limit. Raises nothing.
    """
    at = time.monotonic()
    dead = tuple(
        each for each in _pids(name) if not Worker(_path(name, each), name, each).listens()
    )
    answers = tuple(seen(worker.pid, status(worker)) for worker in _workers(name))
    return Looked(at, answers, dead, holds.reason(name, holds.By.OPERATOR))


def tell(name: str, action: Tell) -> str:
    """Give a worker an order; return what went wrong, empty where nothing did."""
    options: dict[str, object] = {"reason": action.reason}
    if action.verb == "drain":
        options |= {"within_seconds": action.within_seconds, "spot": action.spot}
    answer = order(Worker(_path(name, action.pid), name, action.pid), action.verb, **options)
    return "" if answer.get("ok") is True else str(answer.get("error"))


def _workers(name: str) -> list[Worker]:
    return [worker for worker in workers(queue=name) if worker.queue == name]


def _pids(name: str) -> list[int]:
    ends = (path.name[len(name) + 1 : -len(".sock")] for path in _sockets(name))
    return [int(end) for end in ends if end.isascii() and end.isdigit()]


def _sockets(name: str) -> list[Path]:
    return list(control.directory().glob(f"{name}-*.sock"))


def _path(name: str, pid: int) -> Path:
    return control.directory() / f"{name}-{pid}.sock"
