"""Running the server: in a thread of this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import selectors
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.sqs.control import Control
from tests.sqs.server import SqsServer

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_REPOSITORY = Path(__file__).resolve().parents[2]


class StrictSqs:
    """The server in a thread: ``with StrictSqs() as sqs: boto3.client("sqs", ..., sqs.url)``."""

    def __init__(self, *, port: int = 0, delay_seconds: float = 0.0) -> None:
        self._port = port
        self._delay_seconds = delay_seconds
        self._thread = threading.Thread(target=self._run, name="strict-sqs", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise TimeoutError(f"strict SQS: not ready after {_START_SECONDS} s")
        if self._failure is not None:
            raise RuntimeError(f"strict SQS did not start: {self._failure}") from self._failure
        self.control = Control(self.url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.control.close()
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise TimeoutError(f"strict SQS: not stopped after {_STOP_SECONDS} s")
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = SqsServer()
        server.faults.delay_seconds = self._delay_seconds
        self.url = await server.start(self._port)
        self._ready.set()
        await self._stop.wait()
        await server.stop()
        if server.defects > 0:
            raise RuntimeError(f"strict SQS: {server.defects} defects of its own, see its log")


class StrictSqsProcess:
    """The server as a process, which leaves this process's interpreter alone.

    For benchmarks, and for tests that must not share a lock with the server. ``arguments`` are
    those of ``python -m tests.sqs``.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.url = ""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sqs", *self._arguments],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.url = self._read_url()
        except BaseException:
            self._end()
            raise
        self.control = Control(self.url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.control.close()
        if self._end() != 0 and error is None:
            raise RuntimeError(f"strict SQS ended with exit code {self._process.returncode}")

    def _read_url(self) -> str:
        output = self._process.stdout
        if output is None:
            raise RuntimeError("strict SQS: no output to read")
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(_START_SECONDS):
                raise TimeoutError(f"strict SQS: not ready after {_START_SECONDS} s")
        line = output.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"strict SQS: expected 'ready <url>', got {line!r}")
        return line.split()[1]

    def _end(self) -> int:
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()
