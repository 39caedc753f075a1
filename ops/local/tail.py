"""The logs of a local fleet's nodes, also of those that have ended."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError
from ops.local.machine.logs import before
from ops.local.machines import ENDED

_LOOK_SECONDS: Final = 0.2
_PIECE_BYTES: Final = 1 << 16
_LISTED: Final = 10


def node_folder(folder: Path, named: str) -> Path:
    """Return the folder of a node by its id or any part of it that no other has.

    Raises OpsError (exit 2).
    """
    nodes = folder / "nodes"
    known = sorted(path.name for path in nodes.iterdir()) if nodes.is_dir() else []
    if named in known:
        return nodes / named
    found = [each for each in known if named in each]
    if len(found) == 1:
        return nodes / found[0]
    what = f"{len(found)}: {_listed(found)}" if found else f"none: there {_are(nodes, known)}"
    raise OpsError(f"{named}: expected one node of this local fleet, found {what}", Exit.USAGE)


def _are(nodes: Path, known: list[str]) -> str:
    if not known:
        return "is none yet"
    ended = [each for each in known if (nodes / each / ENDED).exists()]
    there = [each for each in known if each not in ended]
    parts = [_listed(there)] if there else []
    parts += [f"of those that have ended {_listed(ended)}"] if ended else []
    return f"{'is' if len(known) == 1 else 'are'} {' and '.join(parts)}"


def _listed(ids: list[str]) -> str:
    shown = ", ".join(ids[:_LISTED])
    return shown if len(ids) <= _LISTED else f"{shown} and {len(ids) - _LISTED} more"


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
    """Yield what logs hold and held before, piece by piece."""
    for path in paths:
        for each in (before(path), path):
            with contextlib.suppress(FileNotFoundError), each.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield path, piece.decode(errors="replace")


def follow(look: Callable[[], list[Path]], node: Path | None) -> Iterator[tuple[Path, str]]:
    """Yield what logs hold and what comes to them, until the node, if one is given, has ended."""
    read: dict[Path, _Read] = {}
    while True:
        ended = node is not None and (node / ENDED).exists()
        came = False
        for path in look():
            for piece in read.setdefault(path, _Read(path)).on():
                came = True
                yield path, piece.decode(errors="replace")
        if ended and not came:
            return
        if not came:
            time.sleep(_LOOK_SECONDS)


class _Read:
    """How far a log was read. A full one is moved away and begins anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._before: int | None = None

    def on(self) -> Iterator[bytes]:
        """Yield what has come since, as far as one look goes."""
        with contextlib.suppress(FileNotFoundError), before(self._path).open("rb") as old:
            number = os.fstat(old.fileno()).st_ino
            if number != self._before:
                old.seek(self._at)
                while piece := old.read(_PIECE_BYTES):
                    yield piece
                self._before, self._at = number, 0
        with self._path.open("rb") as file:
            file.seek(self._at)
            if piece := file.read(_PIECE_BYTES):
                self._at = file.tell()
                yield piece
