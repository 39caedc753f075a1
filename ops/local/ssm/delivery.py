"""Commands on their way to machines: delivered, run, and their ends noted."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any, Final

from ops.local.machine.client import Unreachable, ask
from ops.local.machines import Machine, Machines
from ops.local.ssm.documents import Step
from ops.local.ssm.invocations import Command, Invocation

#: The agent's default, CommandWorkersLimit.
_AT_ONCE: Final = 5
_LOOK_SECONDS: Final = 0.2
_PING_SECONDS: Final = 1.0


class Delivery:
    """Brings commands to the machines. A machine is known once it has booted."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._known: set[str] = set()
        self._workers: dict[str, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(_AT_ONCE)
        )

    def known(self, instance: str) -> bool:
        """Whether its agent has ever reported; a machine that has ended is not known."""
        machine = self._machines.get(instance)
        if machine is None:
            return False
        return instance in self._known or self.online(machine)

    def online(self, machine: Machine) -> bool:
        """Whether a machine's agent answers now."""
        try:
            answer = ask(machine.folder, {"verb": "status"}, timeout_seconds=_PING_SECONDS)
        except Unreachable:
            return False
        if answer.get("state") != "running":
            return False
        self._known.add(machine.id)
        return True

    def machines(self) -> list[Machine]:
        """Return the machines whose agents have ever reported."""
        return [each for each in self._machines.all() if self.known(each.id)]

    def send(self, command: Command) -> None:
        """Bring a command to its nodes; returns at once."""
        for one in command.invocations:
            threading.Thread(
                target=self._carry, args=(command, one), name="command", daemon=True
            ).start()

    def _carry(self, command: Command, one: Invocation) -> None:
        deadline = time.monotonic() + command.timeout_seconds
        workers = self._workers[one.instance]
        if not workers.acquire(timeout=command.timeout_seconds):
            one.end("DeliveryTimedOut")
            return
        try:
            while True:
                machine = self._machines.get(one.instance)
                if machine is None:
                    one.end("Undeliverable")
                    return
                if self.online(machine):
                    break
                if time.monotonic() >= deadline:
                    one.end("DeliveryTimedOut")
                    return
                time.sleep(_LOOK_SECONDS)
            one.begin()
            one.end(self._run(machine, command.steps, one))
        finally:
            workers.release()

    def _run(self, machine: Machine, steps: tuple[Step, ...], one: Invocation) -> str:
        for step in steps:
            request = {"verb": "run", "script": step.script}
            ends = time.monotonic() + step.timeout_seconds
            try:
                answer = ask(
                    machine.folder,
                    {**request, "timeout_seconds": step.timeout_seconds},
                    timeout_seconds=step.timeout_seconds + _PING_SECONDS,
                )
            except Unreachable:
                # The node is gone, and nobody tells: only the time that it had says so.
                time.sleep(max(0.0, ends - time.monotonic()))
                return "ExecutionTimedOut"
            self._note(answer, one)
            if answer.get("timed_out"):
                return "ExecutionTimedOut"
            if one.code != 0:
                return "Failed"
        return "Success"

    def _note(self, answer: dict[str, Any], one: Invocation) -> None:
        if "exit" not in answer:
            one.code, one.stderr = 1, one.stderr + str(answer.get("error"))
            return
        one.code = int(answer["exit"])
        one.stdout += str(answer["stdout"])
        one.stderr += str(answer["stderr"])
