"""What of the agent's memory outlives its process, in a file beside the workers' sockets.

The folder is the machine's and empty after its start, as `/run` is.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.node import verdict
from ops.node.memory import Memory, fresh, kept, restored
from worker import control, holds

_AT_MOST_BYTES = 64 * 1024


class Keeper:
    """Keeps the memory of the agent of `{fleet}-{queue}`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._path = control.directory() / f"{name}.memory"
        self._last: dict[str, Any] | None = None

    def recall(self) -> Memory:
        """Return what an agent before knew; one that cannot be read is begun anew."""
        now = time.monotonic()
        try:
            with self._path.open("rb") as file:
                memory = restored(json.loads(file.read(_AT_MOST_BYTES)), now)
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            memory = fresh(now)
        marked = holds.reason(self._name, holds.By.AGENT)
        return replace(memory, marked=marked, verdict=verdict.reason())

    def keep(self, memory: Memory) -> None:
        """Write what is new, whole or not at all. Raises OSError."""
        data = kept(memory)
        if data == self._last:
            return
        number, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(number, "w") as file:
                json.dump(data, file)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._last = data
