"""The engine as a process: ticks at even times until a signal ends it; systemd is kept informed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError
from ops.scaling.tick import Ticked
from worker.drain import Phase, Plan

if TYPE_CHECKING:
    from ops.scaling.engine import Engine
    from ops.waking import Waking
    from worker.notify import Supervisor

#: systemd is told how the engine stands at least this often.
_LOOK_SECONDS: Final = 10.0


class Runner:
    """Ticks an engine every so many seconds, whatever a tick takes and whatever goes wrong."""

    def __init__(
        self,
        engine: Engine,
        every_seconds: float,
        told: Callable[[Ticked], None],
        supervisor: Supervisor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._every_seconds = every_seconds
        self._told = told
        self._supervisor = supervisor
        self._clock = clock
        self._status = "starting"

    def run(self, ending: Waking, *, once: bool = False) -> Ticked:
        """Tick until an end is asked for, or once; return the last tick.

        The times of ticks do not drift: one that takes longer than the time between two leaves out
        those that it missed.
        """
        begun, number = time.monotonic(), 0
        while True:
            ticked = self._tick()
            self._told(ticked)
            if once or ending.asked_by is not None:
                return ticked
            number = max(number, int((time.monotonic() - begun) // self._every_seconds)) + 1
            if self._wait(ending, begun + number * self._every_seconds):
                return ticked

    def end(self) -> str:
        """Give the lease up; return what went wrong, empty where nothing did."""
        self._tell(Plan(Phase.LEAVING))
        try:
            self._engine.release()
        except OpsError as error:
            return f"the lease is not given up and lapses by itself: {error}"
        return ""

    def _tick(self) -> Ticked:
        try:
            ticked = self._engine.tick()
        except Exception as error:  # a defect in one tick must not end all that come after
            what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            ticked = Ticked(self._clock(), False, troubles=(f"the tick failed: {what}",))
        state = "acting" if ticked.acts else "not acting" if ticked.troubles else "standing by"
        self._status = f"{state}, {len(ticked.queues)} queues; {'; '.join(ticked.troubles)}"
        return ticked

    def _wait(self, ending: Waking, until: float) -> bool:
        while True:
            self._tell(Plan())
            left = until - time.monotonic()
            if left <= 0:
                return ending.wait(0)
            feeding = None if self._supervisor is None else self._supervisor.tick_seconds
            if ending.wait(min(left, feeding or _LOOK_SECONDS, _LOOK_SECONDS)):
                return True

    def _tell(self, plan: Plan) -> None:
        if self._supervisor is not None:
            self._supervisor.tell(time.monotonic(), plan, ready=True, fit=True, status=self._status)
