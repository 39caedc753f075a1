"""stdin, stdout and stderr as they may come: closed, full, or with nobody who reads."""

from __future__ import annotations

import os
import sys


def open_closed() -> None:
    """Open those that are closed on nothing: else the first socket would have their number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def let_go() -> None:
    """Have nothing more written to what takes nothing.

    The interpreter writes what is left at its exit, and would complain, and end with 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:
            pass  # somebody has closed it
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())
            os.close(nothing)
