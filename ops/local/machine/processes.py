"""The processes below this one, whoever started them, and how they are ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Tells which start of a unit a process belongs to, as systemd tells it: systemd.exec(5).
MARK: Final = "INVOCATION_ID"

_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h
_LOOK_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this computer."""

    parent: int
    session: int
    ended: bool  # a zombie


def adopt_orphans() -> None:
    """Have processes below this one become its children where their own parent ends.

    Raises OSError where the kernel does not know how (before Linux 3.4).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def table() -> dict[int, Process]:
    """Return all processes of this computer, by their ids."""
    found = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  # a Path an entry is most of the time it takes
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
                # After the name, which may hold anything: state, parent, group, session: proc(5).
                state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]
                found[int(entry)] = Process(int(parent), int(session), state in (b"Z", b"X"))
    return found


def below(root: int, all_: Mapping[int, Process]) -> set[int]:
    """Return the processes below `root`, at any depth, that have not ended."""
    children: dict[int, list[int]] = {}
    for pid, process in all_.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    ahead = [root]
    while ahead:
        ahead += (fresh := [pid for pid in children.get(ahead.pop(), ()) if pid not in found])
        found.update(fresh)
    return {pid for pid in found if not all_[pid].ended}


def members(invocation: str, sessions: Collection[int]) -> set[int]:
    """Return the processes below this one that belong to a start of a unit.

    They do by their session, by the mark in their environment, or because their parent does: one
    that left its session, cleared its environment and lost its parent is ended with the machine.
    """
    all_ = table()
    ours = below(os.getpid(), all_)
    found = {pid for pid in ours if all_[pid].session in sessions or _marked(pid, invocation)}
    return found | {child for pid in found for child in below(pid, all_)}


def _marked(pid: int, invocation: str) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has ended, or is another user's
        return False
    return f"{MARK}={invocation}".encode() in environ.split(b"\0")


def kill(pids: Collection[int], number: int) -> None:
    """Send a signal to processes, those that have ended meanwhile left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_all() -> None:
    """Kill all processes below this one, and wait until there are none.

    Needs `adopt_orphans`: what loses its parent comes to this process, so none is overlooked.
    """
    while True:
        kill(below(os.getpid(), table()), signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_LOOK_SECONDS)
