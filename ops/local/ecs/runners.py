"""What tasks are: processes where the local AWS has machines, and elsewhere an id alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ops.local.ecs.facts import facts_of, stop_seconds
from ops.local.ecs.host import facts, seen
from ops.local.machines import Kind, Machines

if TYPE_CHECKING:
    from ops.local.ecs.task import Task

_TASK: Final = Kind("ops.local.ecs.host", facts.FILE)


class Runner(Protocol):
    """Starts tasks and ends them."""

    on_gone: Callable[[str], None]
    """Called with the id of a task that has no process any more."""

    def address(self) -> str:
        """Return an address for a task; empty where it is to have none."""

    def start(self, task: Task) -> None:
        """Have a task started; returns at once. Raises CannotStart."""

    def stop(self, task: Task) -> None:
        """Have a task end as its definition says; returns at once."""

    def look(self, task: Task) -> seen.Account:
        """Return how a task's containers are."""

    def place(self, task: Task) -> dict[str, Any]:
        """Return where a task is to be found on this computer."""

    def kill(self, task: Task) -> None:
        """Have a task vanish, as hardware does."""

    def close(self) -> None:
        """End all tasks, and wait until none is left."""


class Ids:
    """Tasks without a process: they run as soon as they are started."""

    def __init__(self) -> None:
        self.on_gone: Callable[[str], None] = lambda _: None

    def address(self) -> str:
        """Return none."""
        return ""

    def start(self, task: Task) -> None:
        """Have it run."""
        task.account = seen.Account(
            tuple(
                seen.Seen(
                    each["name"],
                    "RUNNING",
                    started_at=task.created_at,
                    # There is nothing that could fail.
                    health=seen.HEALTHY if each.get("healthCheck") else seen.UNKNOWN,
                )
                for each in task.definition.container_definitions
            )
        )

    def stop(self, task: Task) -> None:
        """Have it be gone."""
        self.on_gone(task.id)

    def look(self, task: Task) -> seen.Account:
        """Return what was said of it at its start."""
        return task.account

    def place(self, task: Task) -> dict[str, Any]:
        """Return nothing: it is nowhere."""
        return {"folder": None, "pid": None}

    def kill(self, task: Task) -> None:
        """Have it be gone."""
        self.on_gone(task.id)

    def close(self) -> None:
        """Do nothing: there is no process."""


class Processes:
    """Tasks that are process groups, each with a folder among the machines' and an address.

    `endpoint` is the local AWS's, `application` the path of the manifest that images hold.
    """

    def __init__(
        self,
        folder: Path,
        boot_seconds: float,
        *,
        endpoint: str,
        application: str,
        address: Callable[[], str],
    ) -> None:
        self._machines = Machines(folder, boot_seconds, _TASK)
        self._endpoint = endpoint
        self._application = application
        self._address = address
        self.on_gone: Callable[[str], None] = lambda _: None
        self._machines.on_gone = self._gone

    def address(self) -> str:
        """Return a loopback address that nothing of this folder has or had."""
        return self._address()

    def start(self, task: Task) -> None:
        """Have its host started. Raises CannotStart."""
        told = facts_of(task, self._endpoint, self._application)
        self._machines.launch(task.id, task.address, told.json(), {})

    def stop(self, task: Task) -> None:
        """Have its host stop the containers."""
        self._machines.tell(task.id, desired_status="STOPPED")
        self._machines.end(task.id, stop_seconds(task.definition))

    def look(self, task: Task) -> seen.Account:
        """Return what its host says, or said last."""
        return seen.read(self._machines.folder / task.id)

    def place(self, task: Task) -> dict[str, Any]:
        """Return its folder and its host's process id, None where it has none."""
        machine = self._machines.get(task.id)
        process = None if machine is None else machine.process
        return {
            "folder": str(self._machines.folder / task.id),
            "pid": None if process is None else process.pid,
        }

    def kill(self, task: Task) -> None:
        """Kill it."""
        self._machines.kill(task.id)

    def close(self) -> None:
        """End all of them."""
        self._machines.close()

    def _gone(self, task: str) -> None:
        self.on_gone(task)
