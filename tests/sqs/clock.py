"""A clock that can be turned forward."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Monotonic seconds plus an offset; the wall clock moves with it.

    Everything the server times (visibility, delay, retention, the minute after a purge) reads
    :meth:`now`. Long polls wait in real time: a caller is at the other end of them.
    """

    def __init__(self) -> None:
        self._offset_seconds = 0.0
        self._epoch_at_zero = time.time() - time.monotonic()
        self._on_advance: list[Callable[[], None]] = []

    def now(self) -> float:
        """Seconds on this clock; only differences mean anything."""
        return time.monotonic() + self._offset_seconds

    def epoch_seconds(self, at: float) -> float:
        """The Unix time of a moment of this clock."""
        return self._epoch_at_zero + at

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each turn, so that what has become due happens at once."""
        self._on_advance.append(listener)

    def advance(self, seconds: float) -> None:
        """Turn the clock forward. Raises ValueError for a negative number of seconds."""
        if seconds < 0:
            raise ValueError(f"advance: expected seconds >= 0, got {seconds}")
        self._offset_seconds += seconds
        for listener in self._on_advance:
            listener()
