"""Processes that a task starts: they die with the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def run(
    args: Sequence[str], *, timeout_seconds: float | None = None, **popen_options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a program and return its exit status and output, as ``subprocess.run`` does.

    The program is killed when the worker's process ends, however that ends, and after
    ``timeout_seconds`` (``subprocess.TimeoutExpired``). The kernel ties this to the thread that
    starts it, so a task calls this from its own thread. A program that itself starts others
    must see to those: the signal is not inherited.
    """
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options.update(popen_options)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        args, timeout=timeout_seconds, check=False, preexec_fn=die_with_parent(), **options
    )


def die_with_parent(signum: int = signal.SIGKILL) -> Callable[[], None]:
    """Return a ``preexec_fn`` that ties a child's life to the thread that starts it.

    All that allocates or locks happens here and not in the child, which is a copy of a process
    whose other threads may have held locks.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_it() -> None:
        prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os._exit(128 + signum)

    return set_it


def gone(pid: int) -> bool:
    """Whether a process has ended; one of this process's children also while it is unreaped."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return not Path(f"/proc/{pid}").exists()
