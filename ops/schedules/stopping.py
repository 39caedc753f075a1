"""Ending a command that runs for ever: SIGTERM as an exception, wherever it then is."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Stopped(BaseException):
    """SIGTERM came. Like KeyboardInterrupt no Exception: botocore wraps and retries those."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped in the block at SIGTERM; the main thread's alone to use."""
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped
