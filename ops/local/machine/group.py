"""The processes of one start of a unit: its main one, and all that came of it."""

from __future__ import annotations

import os
import signal

from ops.local.machine.processes import kill, members


class Group:
    """What systemd has a control group for."""

    def __init__(self) -> None:
        self.invocation = os.urandom(16).hex()
        self.main: int | None = None
        self._sessions: set[int] = set()

    def begin(self, main: int) -> None:
        """Take note of its main process, which leads a session."""
        self.main = main
        self._sessions.add(main)

    def left(self) -> set[int]:
        """Return those that have not ended; the main one until it is waited for."""
        found = members(self.invocation, self._sessions)
        return found if self.main is None else found | {self.main}

    def signal(self, number: int, kill_mode: str) -> None:
        """Signal them as a unit's `KillMode=` says: `mixed` kills all, and asks its main one."""
        if kill_mode == "mixed" and number != signal.SIGKILL:
            kill(() if self.main is None else (self.main,), number)
        else:
            kill(self.left(), number)
