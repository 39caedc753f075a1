"""One container from its start to its end, and its next start."""

from __future__ import annotations

import math
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.local.ecs.host.health import Checked
from ops.local.ecs.host.image import COMMAND, placed, places, workdir
from ops.local.ecs.host.seen import Seen
from ops.local.machine.clock import Clock
from ops.local.machine.group import Group
from ops.local.machine.processes import MARK, kill
from ops.local.machine.spawn import Program, spawn

if TYPE_CHECKING:
    from ops.local.ecs.host.facts import Container
    from ops.local.machine.loop import Loop

#: How often it is looked whether the last of its processes has gone.
_LOOK_SECONDS: Final = 0.02
#: A shell's exit codes: what is no program, and what a signal ended.
_NOT_FOUND: Final = 127
_SIGNALLED: Final = 128


class Contained:
    """A container's processes. `changed` is called after each start and end of it, `said` with what
    is new of its health; what is `seen` of it is another then.
    """

    def __init__(
        self,
        of: Container,
        root: Path,
        loop: Loop,
        changed: Callable[[Contained], None],
        said: Callable[[Contained, str], None],
    ) -> None:
        self.of = of
        self.seen = Seen(of.name)
        self._root = root
        self._loop = loop
        self._changed = changed
        self._said = said
        self._check = None
        if of.check is not None:
            self._check = Checked(of.check, workdir(root), loop, self._checked)
        self._clock = Clock(loop)
        self._group = Group()
        self._told = False

    @property
    def stopped(self) -> bool:
        """Whether it has no process."""
        return self.seen.status != "RUNNING"

    def start(self, env: dict[str, str]) -> None:
        """Start its command, once more if it ran before."""
        again = self.seen.started_at is not None
        self._group, self._told = Group(), False
        at = places(self._root, self.of)
        words = [placed(word, at) for word in self.of.command or COMMAND]
        found = shutil.which(words[0], path=env["PATH"])
        if found is None:
            why = f"CannotStartContainerError: {words[0]}: executable file not found in $PATH"
            self.seen = replace(
                self.seen, status="STOPPED", exit_code=_NOT_FOUND, reason=why, pid=None
            )
            self._changed(self)
            return
        log = self._open_log()
        try:
            env = {**env, MARK: self._group.invocation}
            folder = str(workdir(self._root))
            self._group.begin(spawn(Program([found, *words[1:]], env, folder, log, log)))
        finally:
            os.close(log)
        self.seen = Seen(
            self.of.name,
            status="RUNNING",
            pid=self._group.main,
            restarts=self.seen.restarts + again,
            started_at=time.time(),
        )
        if self._check is not None:
            self._check.begin(env, at)
        self._changed(self)

    def stop(self) -> None:
        """Have it end: SIGTERM to its first process, and once its time is over, SIGKILL to all."""
        if not self.stopped and not self._told:
            self._told = True
            kill(() if self._group.main is None else (self._group.main,), signal.SIGTERM)
            self._clock.set(self.of.stop_seconds, self.kill)

    def kill(self) -> None:
        """End all its processes now."""
        if not self.stopped:
            self._group.signal(signal.SIGKILL, "control-group")

    def exited(self, pid: int, wait_status: int) -> bool:
        """Take note that a process has ended; False if it is not its first, nor its check's."""
        if self._check is not None and self._check.exited(pid, wait_status):
            return True
        if pid != self._group.main:
            return False
        if self._check is not None:
            self._check.end()
        self._group.main = None
        code = os.waitstatus_to_exitcode(wait_status)
        self._clear(code if code >= 0 else _SIGNALLED - code)
        return True

    def may_restart(self, now: float) -> bool:
        """Whether its policy has it started again after the end that it just came to."""
        policy, began = self.of.restart, self.seen.started_at
        if policy is None or began is None or self.seen.exit_code in policy.ignored:
            return False
        return now - began >= policy.period_seconds

    def _checked(self, text: str) -> None:
        if self._check is not None:
            self.seen = replace(self.seen, health=self._check.health)
        self._said(self, text)

    def _clear(self, code: int) -> None:
        """End what the first process left: a container ends with it."""
        if self._group.left():
            self._group.signal(signal.SIGKILL, "control-group")
            self._loop.call_in(_LOOK_SECONDS, lambda: self._clear(code))
            return
        self._clock.set(math.inf, lambda: None)
        self.seen = replace(
            self.seen, status="STOPPED", exit_code=code, pid=None, finished_at=time.time()
        )
        self._changed(self)

    def _open_log(self) -> int:
        path = self._root / "log" / f"{self.of.name}.log"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
