"""A container's health check: run again and again, as Docker runs it, and what comes of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ops.local.ecs.host.image import placed
from ops.local.ecs.host.seen import HEALTHY, UNHEALTHY, UNKNOWN
from ops.local.machine.clock import Clock
from ops.local.machine.processes import kill
from ops.local.machine.spawn import Program, spawn

if TYPE_CHECKING:
    from ops.local.ecs.host.facts import Check
    from ops.local.machine.loop import Loop


class Checked:
    """One container's check. `said` hears of each failure, and of each change of the health."""

    def __init__(self, of: Check, folder: Path, loop: Loop, said: Callable[[str], None]) -> None:
        """`folder` is where the command begins."""
        self.health = UNKNOWN
        self._of = of
        self._folder = folder
        self._said = said
        self._clock = Clock(loop)
        self._words: list[str] = []
        self._env: Mapping[str, str] = {}
        self._began = 0.0
        self._failures = 0
        self._pid: int | None = None
        self._late = False

    def begin(self, env: Mapping[str, str], at: Mapping[str, Path]) -> None:
        """Check from now on a container that has just started, with this environment.

        `at` is where its paths lie.
        """
        self._words = [placed(word, at) for word in self._of.command]
        self._env = env
        self._began = time.monotonic()
        self.health, self._failures = UNKNOWN, 0
        self._clock.set(self._of.interval_seconds, self._run)

    def end(self) -> None:
        """Check no more. A check that runs still is killed, and nobody's."""
        self._clock.cancel()
        self._kill()
        self._pid = None

    def exited(self, pid: int, wait_status: int) -> bool:
        """Take note that a process has ended; False if it is not the check's."""
        if pid != self._pid:
            return False
        self._pid = None
        if self._late:
            self._failed(f"no end within {self._of.timeout_seconds:g} s")
        elif (code := os.waitstatus_to_exitcode(wait_status)) != 0:
            self._failed(f"exit {code}")
        else:
            self._failures = 0
            self._set(HEALTHY)
        self._clock.set(self._of.interval_seconds, self._run)
        return True

    def _run(self) -> None:
        program = shutil.which(self._words[0], path=self._env["PATH"]) or self._words[0]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        self._late = False
        try:
            words = [program, *self._words[1:]]
            self._pid = spawn(Program(words, self._env, str(self._folder), nowhere, nowhere))
        except OSError as error:
            self._failed(str(error))
            self._clock.set(self._of.interval_seconds, self._run)
            return
        finally:
            os.close(nowhere)
        self._clock.set(self._of.timeout_seconds, self._expire)

    def _expire(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if self._pid is None:
            return
        # It is not reaped yet, but may not lead its session yet.
        kill((self._pid,), signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)

    def _failed(self, how: str) -> None:
        starting = time.monotonic() < self._began + self._of.start_seconds
        if self.health == UNKNOWN and starting:
            self._said(f"health check: {how}, in its start period")
            return
        self._failures += 1
        self._said(f"health check: {how}, {self._failures} of {self._of.retries}")
        if self._failures >= self._of.retries:
            self._set(UNHEALTHY)

    def _set(self, health: str) -> None:
        if health != self.health:
            self.health = health
            self._said(health)
