"""The local fleet of a manifest: where its state is, and whether it runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError

FOLDER: Final = ".fleet-local"
FOLDER_VARIABLE: Final = "FLEET_LOCAL_DIR"
LOG: Final = "aws.log"
_STATE: Final = "local.json"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Running:
    """A local AWS that was started: `began` is its process's start time in the kernel's ticks."""

    pid: int
    began: int
    url: str
    fleet: str
    manifest: str
    region: str

    def alive(self) -> bool:
        """Whether its process, and not another with its id, still runs."""
        return began(self.pid) == self.began


def folder_of(manifest: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of a manifest's local fleet: FLEET_LOCAL_DIR, else one beside it."""
    named = environ.get(FOLDER_VARIABLE, "")
    return Path(named).absolute() if named else manifest.absolute().parent / FOLDER


def read(folder: Path) -> Running | None:
    """Return what was started in a folder; None where nothing was, or it is down.

    Raises OpsError where the state cannot be read.
    """
    path = folder / _STATE
    try:
        return Running(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise OpsError(
            f"{path}: expected the state of a local fleet, found {error}: end what runs there and "
            "remove the file"
        ) from error


def found(folder: Path) -> Running:
    """Return what runs in a folder. Raises OpsError (exit 3) where nothing does."""
    running = read(folder)
    if running is None:
        raise OpsError(f"{folder}: no local fleet is up here: ops local up", Exit.DRIFTED)
    if not running.alive():
        raise OpsError(
            f"{folder}: the local AWS has ended by itself: see {folder / LOG}, then ops local up",
            Exit.DRIFTED,
        )
    return running


def write(folder: Path, running: Running) -> None:
    """Note what was started. Raises OSError."""
    new = folder / f"{_STATE}.new"
    new.write_text(json.dumps(asdict(running), indent=1) + "\n")
    new.replace(folder / _STATE)


def forget(folder: Path) -> None:
    """Note that nothing runs."""
    (folder / _STATE).unlink(missing_ok=True)


def began(pid: int) -> int | None:
    """Return a process's start time in the kernel's ticks; None where it has ended: proc(5)."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
        return None if fields[0] in {b"Z", b"X"} else int(fields[19])
    return None


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what a folder or its disk does not allow into OpsError."""
    try:
        yield
    except OSError as error:
        raise OpsError(
            f"{error.filename or folder}: expected to write a local fleet's files, found "
            f"{error.strerror or error}: make room there, or name another folder with "
            f"{FOLDER_VARIABLE}"
        ) from error


def prepare(folder: Path) -> None:
    """Make the folder of a local fleet. Raises OpsError where there cannot be one, or others' files
    are in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = "a file" if isinstance(error, FileExistsError) else error.strerror
        raise OpsError(
            f"{folder}: expected a folder that is there or can be made, found {found}: name "
            f"another with {FOLDER_VARIABLE}"
        ) from error
    if not (folder / _LOCK).exists() and any(folder.iterdir()):
        raise OpsError(
            f"{folder}: expected a new folder, an empty one or an earlier local fleet's, found "
            f"other files in it: name another with {FOLDER_VARIABLE}"
        )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep others from starting or ending what is in a folder. Raises OpsError, OSError."""
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError(
                f"{folder}: another `ops local` is starting or ending it: wait for that one"
            ) from None
        yield
