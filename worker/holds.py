"""What keeps a queue's workers on this machine from receiving: files beside their sockets.

A worker that starts while there is one starts paused: a pause of the node outlives its workers.
Whoever lets a worker receive again removes the file first.

The folder is the tasks' user's, and root holds and reads in it too: no link there is followed.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Final

from worker.control import directory

REASON_AT_MOST_CHARACTERS: Final = 200


class By(StrEnum):
    """Who holds; each has a file of its own, so that neither undoes the other's."""

    OPERATOR = "held"
    AGENT = "paused"


def hold(name: str, by: By, reason: str) -> None:
    """Keep the workers of ``name`` (``{fleet}-{queue}``) from starting to receive.

    Raises ``OSError``.
    """
    path = _path(name, by)
    number, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w") as file:
            file.write(" ".join(reason.split())[:REASON_AT_MOST_CHARACTERS])
            # What root holds, the worker's user reads. By its name it may be a link by now.
            os.fchmod(file.fileno(), 0o644)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def let_go(name: str, by: By) -> None:
    """Take a hold away, if there is one. Raises ``OSError``."""
    _path(name, by).unlink(missing_ok=True)


def reason(name: str, by: By) -> str | None:
    """Return why the workers of ``name`` are held, or None; one that cannot be read holds."""
    try:
        return _read(_path(name, by))
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"a hold that cannot be read: {error.strerror}"


def held(name: str) -> str | None:
    """Return why a worker of ``name`` is to start paused, or None."""
    reasons = (reason(name, by) for by in By)
    return next((found for found in reasons if found is not None), None)


def _read(path: Path) -> str:
    # Of a pipe nobody may ever write to the other end.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        text = os.read(number, 4 * REASON_AT_MOST_CHARACTERS).decode(errors="replace")
    finally:
        os.close(number)
    return text[:REASON_AT_MOST_CHARACTERS]


def _path(name: str, by: By) -> Path:
    return directory() / f"{name}.{by}"
