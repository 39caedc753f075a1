"""Ctrl-C while publishing: at once in the caller's own code, at a safe point in ours."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class Interrupts:
    """While entered, the first Ctrl-C is noted in ``asked``, and ``told`` called.

    It is raised only where ``taking`` is set, that is, while the caller's iterable runs and may
    block. The second is noted in ``insisted``, and raised wherever it finds us. Does nothing
    outside the main thread, or where Ctrl-C has a handler of the application's own.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self.asked = False
        self.insisted = False
        self.taking = False
        self._told = told
        self._ours = False

    def __enter__(self) -> Interrupts:
        self._ours = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._ours:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.insisted, self.asked = self.asked, True
        self._told()
        if self.taking or self.insisted:
            signal.default_int_handler(number, frame)
