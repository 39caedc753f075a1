"""One process of a function, kept warm: used again while its code and settings stay."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from worker.children import die_with_parent

_RUNNER: Final = Path(__file__).with_name("run.py")
_PIECE_BYTES: Final = 65_536
#: A synchronous answer (Lambda quotas, "Invocation payload").
_ANSWER_LIMIT_BYTES: Final = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an invocation: a result, or an error's type and what else is told of it."""

    result: Any
    error: dict[str, Any] | None
    output: str
    seconds: float


class Process:
    """A running function. One invocation at a time; its output is read only while it has one."""

    def __init__(self, code: Path, handler: str, env: Mapping[str, str]) -> None:
        read, write = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, str(_RUNNER), str(write), str(code), handler],
                env=dict(env),
                cwd=code,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(write,),
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509  # allocates nothing, takes no lock
            )
        finally:
            os.close(write)
        self._answers = read
        assert self._process.stdout is not None  # noqa: S101  # it was started with pipes
        self._output = self._process.stdout.fileno()
        os.set_blocking(read, False)
        os.set_blocking(self._output, False)

    @property
    def running(self) -> bool:
        """Whether it can take another invocation."""
        return self._process.poll() is None

    def invoke(self, asked: Mapping[str, Any], timeout_seconds: float) -> Answer:
        """Hand over an event and wait; one that takes longer, or ends, is killed with its group."""
        started = time.monotonic()
        deadline = started + timeout_seconds
        said, output = b"", b""
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            selector.register(self._output, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                left = deadline - time.monotonic()
                ready = selector.select(max(0.0, left))
                if not ready:
                    return self._failed(
                        "Sandbox.Timedout",
                        f"Task timed out after {timeout_seconds:.2f} seconds",
                        output,
                        started,
                    )
                for key, _ in ready:
                    piece = os.read(key.fd, _PIECE_BYTES)
                    if key.fd == self._output:
                        output += piece
                        if not piece:
                            selector.unregister(self._output)
                    elif piece:
                        said += piece
                    else:
                        return self._failed(
                            "Runtime.ExitError",
                            f"Runtime exited with error: exit status {self._wait()}",
                            output,
                            started,
                        )
        output += self._drained()
        text = output.decode(errors="replace")
        answer = json.loads(said)
        seconds = time.monotonic() - started
        if "error" in answer:
            error = {
                "errorMessage": answer["error"],
                "errorType": answer["type"],
                "stackTrace": answer["trace"].splitlines(keepends=True),
            }
            return Answer(None, error, text, seconds)
        if len(said) > _ANSWER_LIMIT_BYTES:
            error = {
                "errorMessage": "Response payload size exceeded maximum allowed payload size "
                f"({_ANSWER_LIMIT_BYTES} bytes).",
                "errorType": "Function.ResponseSizeTooLarge",
            }
            return Answer(None, error, text, seconds)
        return Answer(answer["result"], None, text, seconds)

    def end(self) -> None:
        """Kill it with what it started, and wait."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _wait(self) -> int:
        return self._process.wait()

    def _drained(self) -> bytes:
        read = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._output, _PIECE_BYTES):
                read += piece
        return read

    def _failed(self, kind: str, message: str, output: bytes, started: float) -> Answer:
        output += self._drained()
        self.end()
        error = {"errorType": kind, "errorMessage": message}
        text = output.decode(errors="replace")
        return Answer(None, error, text, time.monotonic() - started)
