"""One unit from its start to its end and its next start, as systemd would run it."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ops.local.machine.clock import Clock
from ops.local.machine.exits import Result, StartLimit, restarts, result_of, words
from ops.local.machine.group import Group
from ops.local.machine.host import Host, Told, tell
from ops.local.machine.notify import NotifySocket
from ops.local.machine.processes import MARK
from ops.local.machine.states import STOPPING, State
from ops.local.machine.unit_text import UnitError

if TYPE_CHECKING:
    from ops.local.machine.units import Unit

#: How often it is looked whether the last of a unit's processes has gone.
_LOOK_SECONDS: Final = 0.02


class Running:
    """A unit's states, and what leads from one to the next."""

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self.state = State.DEAD
        self.unit: Unit | None = None
        self._host = host
        self._limit = StartLimit()
        self._group = Group()
        self._clock = Clock(host.loop)
        self._watchdog = Clock(host.loop)
        self._socket: NotifySocket | None = None
        self._result = Result.SUCCESS
        self._code: int | None = None
        self._status = ""
        self._restarts = 0
        self._stay = False  # told to stop: not started again
        self._starting: list[Told] = []
        self._stopping: list[Told] = []
        self._next: list[Told] = []  # to be started once it has stopped

    # -- its start ------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._clock.cancel()
        self._stay = False
        self._result, self._code, self._status = Result.SUCCESS, None, ""
        try:
            self.unit = unit = self._host.load(self.name)
        except UnitError as error:
            self._refuse(Result.BAD_SETTING, str(error))
            return
        if not self._limit.allows(unit, time.monotonic()):
            self._refuse(
                Result.START_LIMIT,
                f"started {unit.start_limit_burst} times within {unit.start_limit_seconds:g} s, "
                "which is its limit: systemctl reset-failed",
            )
            return
        self._group = Group()
        extra = {MARK: self._group.invocation}
        watched = not math.isinf(unit.watchdog_seconds)
        if unit.type == "notify" or watched:
            self._socket = NotifySocket(self._host.loop, self._heard)
            extra["NOTIFY_SOCKET"] = self._socket.address
        if watched:
            extra["WATCHDOG_USEC"] = str(int(unit.watchdog_seconds * 1_000_000))
        try:
            self._group.begin(self._host.launch(unit, extra))
        except (UnitError, OSError) as error:
            self._host.say(f"{self.name}: {error}")
            self._result = Result.RESOURCES
            self._gone(unit)
            return
        self._host.say(f"{self.name}: started as {self._group.main}")
        self.state = State.START
        if unit.type == "notify":
            self._clock.set(unit.start_seconds, lambda: self._late(unit))
        else:
            self._ready()

    def _refuse(self, result: Result, why: str) -> None:
        self._host.say(f"{self.name}: {why}")
        self._result = result
        self.state = State.FAILED
        tell(self._starting, f"{self.name}: {why}")

    def _ready(self) -> None:
        self._clock.cancel()
        self.state = State.RUNNING
        self._feed()
        tell(self._starting, None)

    # -- what it says ---------------------------------------------------------------------------

    def _heard(self, pid: int, said: Mapping[str, str]) -> None:
        unit = self.unit
        assert unit is not None  # noqa: S101  # what has a socket has a unit
        if not self._may_notify(unit, pid):
            self._host.say(f"{self.name}: process {pid} may not notify ({unit.notify_access})")
            return
        self._status = said.get("STATUS", self._status)
        if said.get("READY") == "1" and self.state is State.START:
            self._ready()
        if said.get("STOPPING") == "1" and self.state in (State.START, State.RUNNING):
            self._watchdog.cancel()
            self.state = State.STOP_SIGTERM
            self._clock.set(unit.stop_seconds, lambda: self._late(unit))
        if said.get("WATCHDOG") == "1":
            self._feed()
        elif said.get("WATCHDOG") == "trigger" and self.state is State.RUNNING:
            self._starved()
        extension = said.get("EXTEND_TIMEOUT_USEC", "")
        if extension.isascii() and extension.isdigit():
            self._clock.extend(int(extension) / 1_000_000)

    def _may_notify(self, unit: Unit, pid: int) -> bool:
        if unit.notify_access == "main":
            return pid == self._group.main
        return unit.notify_access == "all" and pid in self._group.left()

    def _feed(self) -> None:
        if self.state is State.RUNNING and self.unit is not None:
            self._watchdog.set(self.unit.watchdog_seconds, self._starved)

    def _starved(self) -> None:
        self._host.say(f"{self.name}: the watchdog was not fed in time")
        self._result = Result.WATCHDOG
        self._end(State.STOP_WATCHDOG)

    # -- its end --------------------------------------------------------------------------------

    def _end(self, by: State) -> None:
        """Signal it as its KillMode says, and kill it all once its time is over."""
        unit = self.unit
        assert unit is not None  # noqa: S101  # what runs has a unit
        self._watchdog.cancel()
        self.state = by
        watchdog = by is State.STOP_WATCHDOG
        self._group.signal(signal.SIGABRT if watchdog else unit.kill_signal, unit.kill_mode)
        self._clock.set(
            unit.abort_seconds if watchdog else unit.stop_seconds, lambda: self._late(unit)
        )

    def _late(self, unit: Unit) -> None:
        """Its time to start or to stop is over."""
        self._host.say(f"{self.name}: {self.state.value}: its time is over")
        if self._result is Result.SUCCESS:
            self._result = Result.TIMEOUT
        if self.state is State.START:
            self._end(State.STOP_SIGTERM)
        else:
            self._clock.cancel()
            self.state = State.STOP_SIGKILL
            self._clear(unit)

    def exited(self, pid: int, wait_status: int) -> bool:
        """Take note that a process has ended; False if it is not its main one."""
        unit = self.unit
        if pid != self._group.main or unit is None:
            return False
        if self._socket is not None:
            self._socket.read()  # what it said last
        was = self.state
        self._group.main = None
        self._code = os.waitstatus_to_exitcode(wait_status)
        result = result_of(unit, wait_status)
        if was is State.START and result is Result.SUCCESS:
            result = Result.PROTOCOL
        if self._result is Result.SUCCESS:
            self._result = result
        self._host.say(f"{self.name}: {words(self._code)} ({self._result.value})")
        self._watchdog.cancel()
        if unit.kill_mode == "mixed":
            self._clock.cancel()
            self.state = State.STOP_SIGKILL
        elif was not in STOPPING:
            self._end(State.STOP_SIGTERM)
        self._clear(unit)
        return True

    def _clear(self, unit: Unit) -> None:
        """Wait for the last of its processes, and kill them once they are to be killed."""
        left = self._group.left()
        if not left:
            self._gone(unit)
            return
        if self.state is State.STOP_SIGKILL:
            self._group.signal(signal.SIGKILL, unit.kill_mode)
        group = self._group

        def again() -> None:
            # Two of these may be under way: the first to find nothing left ends the other.
            if self._group is group and self.state in STOPPING:
                self._clear(unit)

        self._host.loop.call_in(_LOOK_SECONDS, again)

    def _gone(self, unit: Unit) -> None:
        self._clock.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        why = "it was stopped" if self._stay else self._result.value
        starting, self._starting = self._starting, []
        if not self._stay and restarts(unit, self._result, self._code):
            self.state = State.AUTO_RESTART
            self._clock.set(unit.restart_seconds, self._again)
        else:
            self._rest()
        tell(starting, f"{self.name}: it has not started: {why}: see its log")

    def _again(self) -> None:
        self._restarts += 1
        self._begin()

    def _rest(self) -> None:
        self._clock.cancel()
        self.state = State.DEAD if self._result is Result.SUCCESS else State.FAILED
        if self.unit is not None:
            self._host.discard(self.unit)
        tell(self._stopping, None)
        if self._next:
            self._starting += self._next
            self._next = []
            self._begin()
