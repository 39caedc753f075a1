"""One thread that waits for sockets, timers, children and signals at once.

A machine has no other: the kernel ties a child's life to the thread that starts it, and a fork is
safe only where no other thread may hold a lock.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import selectors
import signal
import time
from collections.abc import Callable
from typing import Final, Protocol

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_PIECE_BYTES: Final = 512


class HasFileno(Protocol):
    """What can be waited for."""

    def fileno(self) -> int:
        """Return its descriptor."""


class Timer:
    """Something to be done at a time, unless it is cancelled before."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do: Callable[[], None] | None = do

    def cancel(self) -> None:
        """Have it not done."""
        self._do = None

    def fire(self) -> None:
        """Do it, once."""
        do, self._do = self._do, None
        if do is not None:
            do()


class Loop:
    """Calls back what waits, one at a time, until it is stopped."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopped = False
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _noted)

    def on_signal(self, do: Callable[[int], None]) -> None:
        """Call `do` with each signal that ends a process, and with SIGCHLD."""

        def woken() -> None:
            with contextlib.suppress(BlockingIOError):
                # Several of one kind are one: all children that ended are asked for.
                for number in sorted(set(os.read(self._woken, _PIECE_BYTES))):
                    do(number)

        self._selector.register(self._woken, selectors.EVENT_READ, woken)

    def watch(self, what: int | HasFileno, do: Callable[[], None], *, write: bool = False) -> None:
        """Call `do` whenever `what` can be read or, with `write`, written."""
        events = selectors.EVENT_WRITE if write else selectors.EVENT_READ
        try:
            self._selector.modify(what, events, do)
        except KeyError:
            self._selector.register(what, events, do)

    def forget(self, what: int | HasFileno) -> None:
        """Wait no more for `what`; call it before it is closed."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(what)

    def call_in(self, seconds: float, do: Callable[[], None]) -> Timer:
        """Do something after a time; `math.inf` is never."""
        timer = Timer(do)
        if seconds != float("inf"):
            entry = (time.monotonic() + seconds, next(self._order), timer)
            heapq.heappush(self._timers, entry)
        return timer

    def stop(self) -> None:
        """Have `run` return."""
        self._stopped = True

    def run(self) -> None:
        """Call back until `stop`."""
        while not self._stopped:
            for key, _ in self._selector.select(self._wait_seconds()):
                # What an earlier one of these closed is no longer registered.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2].fire()

    def _wait_seconds(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None


def _noted(number: int, frame: object) -> None:
    """Do nothing: the byte in the pipe tells of it, and a default would end the process."""
