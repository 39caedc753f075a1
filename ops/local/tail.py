"""The logs of a local fleet's nodes, also of those that have ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError
from ops.local.machines import ENDED

_LOOK_SECONDS: Final = 0.2
_PIECE_BYTES: Final = 1 << 16


def node_folder(folder: Path, named: str) -> Path:
    """Return the folder of a node by its id or the beginning or end of it. Raises OpsError."""
    nodes = folder / "nodes"
    known = sorted(path.name for path in nodes.iterdir()) if nodes.is_dir() else []
    if named in known:
        return nodes / named
    found = [each for each in known if each.startswith(named) or each.endswith(named)]
    if len(found) == 1:
        return nodes / found[0]
    what = f"{len(found)} of them: {', '.join(found)}" if found else "none"
    raise OpsError(
        f"{named}: expected a node of this local fleet, found {what}: ops local status lists them",
        Exit.USAGE,
    )


def logs(node: Path, unit: str | None) -> list[Path]:
    """Return a node's log files, or those of the units of a name. Raises OpsError (exit 2)."""
    found = sorted((node / "log").glob("*.log"))
    chosen = [path for path in found if unit is None or _is_of(path.stem, unit)]
    if unit is not None and not chosen:
        known = ", ".join(path.stem for path in found) or "none yet"
        raise OpsError(f"{unit}: expected a unit with a log, found: {known}", Exit.USAGE)
    return chosen


def _is_of(stem: str, unit: str) -> bool:
    name = stem.removesuffix(".service")
    return unit in {
        stem,
        name,
        name.partition("@")[0],
        name.removeprefix("fleet-").partition("@")[0],
    }


def read(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Yield what files hold, piece by piece."""
    for path in paths:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield path, piece.decode(errors="replace")


def follow(look: Callable[[], list[Path]], node: Path | None) -> Iterator[tuple[Path, str]]:
    """Yield what files hold and what comes to them, until the node, if one is given, has ended."""
    at: dict[Path, int] = {}
    while True:
        ended = node is not None and (node / ENDED).exists()
        came = False
        for path in look():
            with path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                if file.tell() > at.get(path, 0):
                    file.seek(at.get(path, 0))
                    piece = file.read(_PIECE_BYTES)
                    at[path] = file.tell()
                    came = True
                    yield path, piece.decode(errors="replace")
        if ended and not came:
            return
        if not came:
            time.sleep(_LOOK_SECONDS)
