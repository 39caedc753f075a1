"""One thing to be done at a time, which may be put off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop, Timer


class Clock:
    """An alarm clock: what it is set to replaces what it was set to."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._timer: Timer | None = None
        self._ends = 0.0
        self._do: Callable[[], None] | None = None

    def set(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something after a time; `math.inf` is never."""
        self.cancel()
        self._ends, self._do = time.monotonic() + seconds, do
        self._timer = self._loop.call_in(seconds, do)

    def extend(self, seconds: float) -> None:
        """Have what is to be done `seconds` from now, unless it is later already."""
        if self._do is not None and time.monotonic() + seconds > self._ends:
            self.set(seconds, self._do)

    def cancel(self) -> None:
        """Do nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._do = None
