"""What the end of a unit's process means, and whether it is started again. Pure.

"Restart=" and "StartLimitIntervalSec=" in systemd.service(5) and systemd.unit(5).
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.local.machine.units import Unit

#: Ends that a daemon may come to.
_CLEAN: Final = frozenset({0, -signal.SIGHUP, -signal.SIGINT, -signal.SIGTERM, -signal.SIGPIPE})


class Result(StrEnum):
    """How the last run of a unit ended, in systemd's words."""

    SUCCESS = "success"
    EXIT_CODE = "exit-code"
    SIGNAL = "signal"
    CORE_DUMP = "core-dump"
    WATCHDOG = "watchdog"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"  # it ended before it was ready
    RESOURCES = "resources"  # it could not be started
    START_LIMIT = "start-limit-hit"
    BAD_SETTING = "bad-setting"


#: After which ends each `Restart=` starts a unit again.
RESTARTS: Final = {
    "no": frozenset[Result](),
    "always": frozenset(Result),
    "on-success": frozenset({Result.SUCCESS}),
    "on-failure": frozenset(Result) - {Result.SUCCESS},
    "on-abnormal": frozenset(Result) - {Result.SUCCESS, Result.EXIT_CODE},
    "on-abort": frozenset({Result.SIGNAL, Result.CORE_DUMP}),
    "on-watchdog": frozenset({Result.WATCHDOG}),
}


def result_of(unit: Unit, wait_status: int) -> Result:
    """Return what `waitpid`'s status of a unit's main process means by itself."""
    code = os.waitstatus_to_exitcode(wait_status)
    if code in _CLEAN | unit.clean_statuses:
        return Result.SUCCESS
    if os.WIFSIGNALED(wait_status):
        return Result.CORE_DUMP if os.WCOREDUMP(wait_status) else Result.SIGNAL
    return Result.EXIT_CODE


def words(code: int) -> str:
    """Return an exit code in words; a negative one is a signal."""
    return f"exit {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"


def restarts(unit: Unit, result: Result, code: int | None) -> bool:
    """Whether a unit that nobody stopped is started again; `code` as in `words`, None: none."""
    if code is not None and code in unit.restart_prevented_by:
        return False
    return result in RESTARTS[unit.restart]


@dataclass(slots=True)
class StartLimit:
    """How often a unit may start within an interval; each counts, whoever asked for it."""

    _began: float | None = field(default=None, init=False)
    _starts: int = field(default=0, init=False)

    def allows(self, unit: Unit, now: float) -> bool:
        """Whether it may start now, which then counts. An interval of 0 allows all."""
        if unit.start_limit_seconds == 0 or unit.start_limit_burst == 0:
            return True
        if self._began is None or now - self._began >= unit.start_limit_seconds:
            self._began, self._starts = now, 0
        self._starts += 1
        return self._starts <= unit.start_limit_burst

    def reset(self) -> None:
        """Forget all starts: `systemctl reset-failed`."""
        self._began = None
