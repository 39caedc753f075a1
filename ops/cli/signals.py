"""How a command that runs on ends: SIGTERM and Ctrl-C, each once; a second Ctrl-C at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import Final

from ops.errors import Exit

_EVERY_SECONDS: Final = 60.0


class _Terminated(BaseException):
    """SIGTERM came."""


def until_ended(wait: Callable[[float], bool], every_minute: Callable[[], None]) -> Exit:
    """Wait until ``wait`` says that it is over, or a signal comes; return the exit code.

    ``wait`` takes the seconds it may take. SIGTERM is an orderly end (0), Ctrl-C an interruption
    (130).
    """

    def terminate(*_: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with contextlib.suppress(_Terminated):
            while not wait(_EVERY_SECONDS):
                every_minute()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    return Exit.DONE
