"""Processes that a run on this machine starts, and that end with it, however it ends."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.errors import OpsError
from worker.children import die_with_parent

_READY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_LAST_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Child:
    """A process of ours, in a session of its own: a Ctrl-C in the terminal reaches only us."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its process group."""
        return self.process.pid

    def running(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone, if it still runs."""
        self.process.send_signal(number)

    def end(self) -> None:
        """Kill it and what is left of its process group, and wait for its end."""
        # Not yet waited for, a process keeps its id: the group cannot be another's.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def last_line(self) -> str:
        """Return the last line of its log, to be quoted where it failed."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _LAST_BYTES))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError as error:
            return f"(no log: {error})"
        return lines[-1].strip() if lines else "(it said nothing)"


def start(name: str, args: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Child:
    """Start a program whose stdout and stderr are appended to `log`.

    The kernel kills it when this thread ends, so call it from the main one. Raises OSError.
    """
    with log.open("ab") as file:
        return _start(name, args, env, cwd, log, stdout=file.fileno(), stderr=file.fileno())


def start_server(
    name: str,
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    on_wait: Callable[[], None],
) -> tuple[Child, str]:
    """Start a server that says `ready ADDRESS` on stdout, and return it with its address.

    Its stderr goes to `log`. `on_wait` is called every 50 ms meanwhile, and may raise. Raises
    OpsError where the server ends or says nothing for a minute, OSError where it cannot start.
    """
    with log.open("ab") as file:
        child = _start(name, args, env, cwd, log, stdout=subprocess.PIPE, stderr=file.fileno())
    try:
        return child, address(child, on_wait)
    except BaseException:
        child.end()
        raise


def _start(
    name: str,
    args: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    *,
    stdout: int,
    stderr: int,
) -> Child:
    process = subprocess.Popen(
        args,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509  # allocates nothing, takes no lock
    )
    return Child(name, process, log)


def address(child: Child, on_wait: Callable[[], None]) -> str:
    """Wait for a server's `ready ADDRESS`, and return the address.

    `on_wait` is called every 50 ms meanwhile, and may raise. Raises OpsError as `start_server`.
    """
    stdout = child.process.stdout
    assert stdout is not None  # noqa: S101  # it was started with a pipe
    deadline = time.monotonic() + _READY_SECONDS
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while not said.endswith(b"\n"):
            on_wait()
            if selector.select(_LOOK_SECONDS):
                # One byte at a time leaves what comes after the line where it is.
                piece = os.read(stdout.fileno(), 1)
                if not piece:
                    raise OpsError(
                        f"{child.name}: expected it to start, it ended: {child.last_line()}: "
                        f"see {child.log}"
                    )
                said += piece
            elif time.monotonic() > deadline:
                raise OpsError(
                    f"{child.name}: expected it to listen within {_READY_SECONDS:.0f} s, it does "
                    f"not: {child.last_line()}: see {child.log}"
                )
    word, _, address = said.decode(errors="replace").strip().partition(" ")
    if word != "ready":
        raise OpsError(f"{child.name}: expected `ready ADDRESS`, found {said!r}: see {child.log}")
    return address
