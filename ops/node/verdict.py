"""A task's verdict on itself, as a file that the health check of its worker's container looks for.

The containers of a task share the folder of the sockets, and only what runs in a container can tell
ECS that it is ill: no call takes a task's health, as SetInstanceHealth takes an instance's.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from worker import control

#: `deploy/cloudformation/queue-ecs.yaml` tests that it is absent.
FILE: Final = "condemned"
_AT_MOST_CHARACTERS: Final = 500


def leave(why: str) -> None:
    """Say that this task is to be replaced, whole or not at all. Raises OSError."""
    path = _path()
    number, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w") as file:
            file.write(f"{' '.join(why.split())[:_AT_MOST_CHARACTERS]}\n")
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def take_back() -> None:
    """Say so no more. Raises OSError."""
    _path().unlink(missing_ok=True)


def reason() -> str | None:
    """Return why this task is to be replaced, None where nothing says so."""
    try:
        return _path().read_text(errors="replace")[:_AT_MOST_CHARACTERS].strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"a verdict that cannot be read: {error.strerror}"


def _path() -> Path:
    return control.directory() / FILE
