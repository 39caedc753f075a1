"""Ctrl-C, and the other ways in which a run is asked to end early."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from ops.errors import OpsError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.05
_ENDING = b"\ndemo: ending the nodes, the engine and the local AWS (Ctrl-C again: at once)\n"
_AT_ONCE = b"\ndemo: ended at once\n"


class Stopped(Exception):
    """The run was asked to end; `status` is the exit status that says so (128 + signal)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


class Stop:
    """Takes the signals and keeps them until the run comes to a place where it may end.

    Nothing is raised out of a handler: an exception there can come between a process and the
    list of those to be ended. A second signal does not wait; the kernel then ends our processes.
    """

    def __init__(self) -> None:
        self._number: int | None = None

    def take_signals(self) -> None:
        """Take over SIGINT, SIGTERM and SIGHUP; from the main thread."""
        for number in _SIGNALS:
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, _frame: object) -> None:
        if self._number is not None:
            self._say(_AT_ONCE)
            self._leave(128 + number)
        self._number = number
        self._say(_ENDING)

    @staticmethod
    def _say(line: bytes) -> None:
        # Nothing that takes a lock may be called in a handler; the terminal itself may be gone.
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), line)

    @staticmethod
    def _leave(status: int) -> NoReturn:
        os._exit(status)

    def check(self) -> None:
        """Raise Stopped if a signal has come."""
        if self._number is not None:
            raise Stopped(self._number)

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for a condition. Raises Stopped, or OpsError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise OpsError(f"{what}: expected within {seconds:.0f} s, waited in vain")
            time.sleep(_LOOK_SECONDS)
        self.check()
