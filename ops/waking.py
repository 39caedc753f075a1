"""What a daemon waits on: its next turn, an answer from another thread, a signal to end."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
from types import FrameType
from typing import Final, Self

from ops.errors import Exit

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Waking:
    """Waits that other threads and signals cut short. Entered by the main thread.

    The first SIGTERM or Ctrl-C asks for an end, a second one is the end. Nothing is raised, so that
    nothing stops half-way.
    """

    def __init__(self) -> None:
        self.asked_by: int | None = None
        """The signal that asked for an end."""

    def __enter__(self) -> Self:
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self._before = [signal.signal(number, self._ask) for number in _SIGNALS]
        self._fd_before = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)
        self._woken.close()
        self._waker.close()

    def wake(self) -> None:
        """Have `wait` return. From any thread."""
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody waits
            self._waker.send(b"\0")

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until woken; return whether an end is asked for, which is at once."""
        if self.asked_by is None:
            self.rest(seconds)
        return self.asked_by is not None

    def rest(self, seconds: float) -> None:
        """Wait so long, or until woken, also once an end is asked for."""
        if select.select([self._woken], [], [], max(0.0, seconds))[0]:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)

    @property
    def code(self) -> Exit:
        """The exit code: SIGTERM is an orderly end, Ctrl-C an interruption."""
        return Exit.INTERRUPTED if self.asked_by == signal.SIGINT else Exit.DONE

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.asked_by = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
