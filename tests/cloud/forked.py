"""`ops` in processes of their own, forked from an interpreter that has imported what it needs.

To start Python and to import boto3 and pydantic is half a second of processor, which a test that
runs a dozen commands pays once so. In everything else they are as started by `python -m ops`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

_ROOT = Path(__file__).parents[2]
_MESSAGE_BYTES = 1 << 20
#: What `ops stack` and its like import when they are called, beside the command line.
_IMPORTED = (
    *("boto3.s3.inject", "botocore.httpsession", "encodings.idna", "rich.table"),
    *("ops.cli.app", "ops.cli.queues", "ops.cli.release", "ops.cli.stack", "ops.cli.stores"),
    *("ops.queues.counts", "ops.stack.applying", "ops.stack.drifted", "ops.stack.flow"),
    *("ops.stack.removing", "worker.fleet"),
)


class Forked:
    """A command that runs: of subprocess.Popen what the tests need."""

    def __init__(self, args: Sequence[str], pid: int, end: int, out: int, err: int) -> None:
        self.args, self.pid = list(args), pid
        self.returncode: int | None = None
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        self._end = end

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def poll(self, timeout: float = 0.0) -> int | None:
        """Return how it ended, None while it runs."""
        if self.returncode is None and select.select([self._end], [], [], timeout)[0]:
            self.returncode = int(os.read(self._end, 16))
            os.close(self._end)
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end and return what it said on stdout and stderr."""
        with ThreadPoolExecutor(2) as pool, self.stdout, self.stderr:
            said = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            if self.poll(timeout) is None:
                self.kill()
                raise subprocess.TimeoutExpired(self.args, timeout)
            return said[0].result(), said[1].result()


def ops(args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: int) -> Forked:
    """Start `ops` with these arguments; `stdin` is a file descriptor of ours."""
    line = json.dumps({"args": list(args), "cwd": str(cwd), "env": dict(env)}).encode()
    (out, says), (err, talks), (end, told) = (os.pipe() for _ in range(3))
    socket.send_fds(_forks()[0], [line], [stdin, says, talks, told])
    for each in (says, talks, told):
        os.close(each)
    pid = int.from_bytes(os.read(end, 4), "big")
    return Forked(["ops", *args], pid, end, out, err)


@cache
def _forks() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Return where the interpreter that forks hears, and itself: it ends when that is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cloud.forked", str(theirs.fileno())],
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return ours, process


def _serve(heard: socket.socket) -> None:
    for name in _IMPORTED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for asked, descriptors in _asked(heard):
        if os.fork() == 0:
            heard.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _attend(asked, descriptors)
        for each in descriptors:
            os.close(each)


def _asked(heard: socket.socket) -> Iterator[tuple[Any, list[int]]]:
    while True:
        line, descriptors, _, _ = socket.recv_fds(heard, _MESSAGE_BYTES, 4)
        if not line:
            return
        yield json.loads(line), list(descriptors)


def _attend(asked: Any, descriptors: list[int]) -> NoReturn:
    """Fork the command, say its id, wait for its end and say that."""
    *standard, told = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _run(asked, standard)
    for each in standard:
        os.close(each)
    os.write(told, pid.to_bytes(4, "big"))
    # Not yet reaped it keeps its id: nobody can signal another process in its place.
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    os.write(told, str(code).encode())
    os._exit(0)


def _run(asked: Any, standard: list[int]) -> NoReturn:
    """Be the command; the interpreter ends as it does after `python -m ops`."""
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    from ops.cli import main

    main(asked["args"])


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
