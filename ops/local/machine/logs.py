"""The logs of a folder, kept from growing: each is one file, and what came before in another.

The programs hold their logs open, so that a full one is copied and cut, as logrotate's
"copytruncate" does; they append, and go on at its new end. A line that is written between the two
is lost.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.local.machine.loop import Loop

MOST_BYTES: Final = 4 << 20
#: How often it is looked. What a program writes meanwhile is over the bound.
_LOOK_SECONDS: Final = 1.0


def before(path: Path) -> Path:
    """Return where what a log held before lies, if it was ever full."""
    return path.with_name(f"{path.name}.1")


def bound(loop: Loop, folder: Path) -> None:
    """Keep all logs of a folder at about MOST_BYTES, and as much before, from now on."""

    def look() -> None:
        for path in folder.glob("*.log"):
            # One that cannot be cut now may be later; the programs go on.
            with contextlib.suppress(OSError):
                if path.stat().st_size > MOST_BYTES:
                    _cut(path)
        loop.call_in(_LOOK_SECONDS, look)

    look()


def _cut(path: Path) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with path.open("r+b") as full, fresh.open("wb") as old:
        os.fchmod(old.fileno(), 0o600)
        size = full.seek(0, os.SEEK_END)
        full.seek(max(0, size - 2 * MOST_BYTES))
        if full.tell():
            full.readline()
        shutil.copyfileobj(full, old)
        full.truncate(0)
    fresh.replace(before(path))
