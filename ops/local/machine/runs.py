"""Scripts that run on a machine: its user data, and commands that it is sent."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops.local.machine.processes import MARK, kill, members
from ops.local.machine.spawn import Program, spawn

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop, Timer

#: What of an output is kept; GetCommandInvocation shows 24,000 characters of it.
OUTPUT_AT_MOST_BYTES: Final = 65_536
_AT_ONCE: Final = 20


class TooMany(ValueError):
    """As many scripts run as may."""


@dataclass(slots=True)
class _Run:
    invocation: str
    stdout: int
    stderr: int
    ended: Callable[[dict[str, Any]], None]
    timer: Timer | None = None
    timed_out: bool = False


class Runs:
    """The scripts under way, by their process ids."""

    def __init__(self, loop: Loop, folder: Path) -> None:
        self._loop = loop
        self._folder = folder
        self._runs: dict[int, _Run] = {}
        self._count = 0

    def start(
        self,
        script: str,
        env: Mapping[str, str],
        ended: Callable[[dict[str, Any]], None],
        *,
        timeout_seconds: float = math.inf,
        log: int | None = None,
    ) -> None:
        """Run a script by its first line, a shell's if it names no interpreter.

        `ended` is given `{"exit", "stdout", "stderr", "timed_out"}`; both outputs go to the
        descriptor `log` instead, where there is one. What it leaves running is left. Raises
        TooMany, OSError.
        """
        if len(self._runs) >= _AT_ONCE:
            raise TooMany(f"expected at most {_AT_ONCE} scripts at once, found as many under way")
        self._count += 1
        path = self._folder / f"{self._count}.sh"
        path.write_text(script)
        path.chmod(0o700)
        words = [str(path)] if script.startswith("#!") else ["/bin/sh", str(path)]
        outputs = (log, log) if log is not None else (self._output(), self._output())
        invocation = os.urandom(16).hex()
        pid = spawn(Program(words, {**env, MARK: invocation}, str(self._folder), *outputs))
        run = self._runs[pid] = _Run(invocation, *outputs, ended)
        run.timer = self._loop.call_in(timeout_seconds, lambda: self._late(pid))

    def exited(self, pid: int, wait_status: int) -> bool:
        """Take note that a process has ended; False if it is none of a script's."""
        run = self._runs.pop(pid, None)
        if run is None:
            return False
        if run.timer is not None:
            run.timer.cancel()
        if run.timed_out:
            kill(members(run.invocation, {pid}), signal.SIGKILL)
        run.ended(
            {
                "exit": os.waitstatus_to_exitcode(wait_status),
                "stdout": _text(run.stdout),
                "stderr": _text(run.stderr),
                "timed_out": run.timed_out,
            }
        )
        for descriptor in {run.stdout, run.stderr}:
            os.close(descriptor)
        return True

    def _late(self, pid: int) -> None:
        run = self._runs[pid]
        run.timed_out = True
        # The first goes first, or it would end by itself once it saw the others end.
        found = members(run.invocation, {pid})
        kill({pid}, signal.SIGKILL)
        kill(found, signal.SIGKILL)

    def _output(self) -> int:
        path = self._folder / f"{self._count}.out"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        path.unlink()
        return descriptor


def _text(descriptor: int) -> str:
    try:
        return os.pread(descriptor, OUTPUT_AT_MOST_BYTES, 0).decode(errors="replace")
    except OSError:  # a log, open for writing alone
        return ""
