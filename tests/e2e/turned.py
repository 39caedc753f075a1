"""A wall clock that a test turns forward, for the processes it starts; also their launcher.

``python turned.py FILE MODULE ARGS...`` runs a module, as ``python -m`` does, or a script, in a
process (and in those it forks) whose ``time.time()`` is ahead by as many seconds as FILE says.
Monotonic time, and with it every wait, stays as it is.
"""

from __future__ import annotations

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

_real = time.time


class Turned:
    """The offset in a file, shared by every process that maps it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    @property
    def offset_seconds(self) -> float:
        (offset,) = struct.unpack("d", self._map[:8])
        return float(offset)

    def time(self) -> float:
        """The turned time, in seconds since the epoch."""
        return _real() + self.offset_seconds

    def turn(self, seconds: float) -> None:
        """Turn it forward."""
        self._map[:8] = struct.pack("d", self.offset_seconds + seconds)


if __name__ == "__main__":
    _, clock, module, *_ = sys.argv
    time.time = Turned(Path(clock)).time
    sys.argv = sys.argv[2:]
    sys.path[0] = ""
    if module.endswith(".py"):
        runpy.run_path(module, run_name="__main__")
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
