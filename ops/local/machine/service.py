"""What a unit can be asked, as `systemctl` asks it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ops.local.machine.exits import Result, words
from ops.local.machine.host import Told, tell
from ops.local.machine.running import Running
from ops.local.machine.states import ACTIVE, STOPPING, State


class Service(Running):
    """A unit and its processes."""

    #: its machine has told it to stop, since it shuts down
    leaves = False

    @property
    def at_rest(self) -> bool:
        """Whether it has no process and will have none by itself."""
        return self.state in (State.DEAD, State.FAILED)

    def start(self, told: Told) -> None:
        """Start it, unless it runs; `told` once it is ready or has failed."""
        if self.state is State.RUNNING:
            told(None)
        elif self.state is State.START:
            self._starting.append(told)
        elif self.state in STOPPING:
            self._next.append(told)
        else:
            if self.at_rest:
                self._restarts = 0
            self._starting.append(told)
            self._begin()

    def once_started(self, do: Callable[[], None]) -> None:
        """Do something once its start under way has come to an end, well or not."""
        self._starting.append(lambda _: do())

    def stop(self, told: Told) -> None:
        """Stop it for good; `told` once none of its processes is left."""
        self._stay = True
        tell(self._next, f"{self.name}: it was stopped instead")
        if self.at_rest:
            told(None)
            return
        self._stopping.append(told)
        if self.state is State.AUTO_RESTART:
            self._rest()
        elif self.state not in STOPPING:
            self._end(State.STOP_SIGTERM)

    def restart(self, told: Told) -> None:
        """Stop it, if it runs, and start it."""
        if self.at_rest or self.state is State.AUTO_RESTART:
            self.start(told)
        else:
            self.stop(lambda _: None)
            self._next.append(told)

    def reset(self) -> None:
        """Forget that it failed, and how often it was started."""
        self._limit.reset()
        if self.state is State.FAILED:
            self.state, self._result = State.DEAD, Result.SUCCESS

    def describe(self) -> dict[str, Any]:
        """Return how it stands; `exit` is the last end of its main process, in words."""
        bounded = self.unit is not None and not math.isinf(self.unit.stop_seconds)
        return {
            "active": ACTIVE[self.state],
            "sub": self.state.value,
            "result": self._result.value,
            "pid": self._group.main,
            "pids": sorted(self._group.left()),
            "restarts": self._restarts,
            "exit": None if self._code is None else words(self._code),
            "status": self._status,
            "invocation": self._group.invocation,
            "stop_seconds": self.unit.stop_seconds if self.unit is not None and bounded else None,
        }
