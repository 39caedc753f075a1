"""Functions of the local AWS run as processes: their code, concurrency, log and retries."""

from __future__ import annotations

import hashlib
import io
import json
import queue
import shutil
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.local.aws import local_environment
from ops.local.identity import key_of
from ops.local.lambdas.log import Log, new_stream
from ops.local.lambdas.process import Answer, Process
from ops.local.names import part

#: Retries of an asynchronous invocation (Lambda guide, "Asynchronous invocation"): two of them,
#: after a minute and after two more.
_RETRIES: Final = 2
_AGE_SECONDS: Final = 6 * 3600
_UNPACKED_LIMIT_BYTES: Final = 250 * 1024 * 1024


class Throttled(Exception):
    """All of a function's reserved concurrency is in use."""


@dataclass(slots=True)
class _Warm:
    """What is kept of a function between invocations; `running` counts those now."""

    idle: list[tuple[str, Process]] = field(default_factory=list)
    running: int = 0
    #: An asynchronous event waits here for its turn while all concurrency is in use.
    freed: threading.Condition = field(default_factory=threading.Condition)


class Functions:
    """All functions of this process. `minute_seconds` is how long a minute of waiting lasts."""

    def __init__(self, folder: Path, url: str, minute_seconds: float) -> None:
        self._folder = folder / "lambda"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = Log(self._folder)
        self._url = url
        self._minute_seconds = minute_seconds
        self._warm: dict[str, _Warm] = {}
        self._lock = threading.Lock()
        # The kernel ends a process when the thread that started it does: one that never does.
        self._starts: queue.SimpleQueue[tuple[Callable[[], Process], Future[Process]]]
        self._starts = queue.SimpleQueue()
        threading.Thread(target=self._start_all, name="functions", daemon=True).start()

    def invoke(self, function: Any, event: Any) -> Answer:
        """Run moto's `function` once with an event, and wait. Raises Throttled."""
        warm = self._of(function)
        with warm.freed:
            if not _may(function, warm):
                raise Throttled(function.function_name)
            warm.running += 1
        return self._run(function, warm, event)

    def invoke_later(self, function: Any, event: Any) -> None:
        """Run it in a thread, again when it fails, as Lambda does with an event."""
        threading.Thread(
            target=self._attempts,
            args=(function, event),
            name=f"event for {function.function_name}",
            daemon=True,
        ).start()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for warm in self._warm.values():
                while warm.idle:
                    warm.idle.pop()[1].end()

    def _attempts(self, function: Any, event: Any) -> None:
        config = function.event_invoke_config[0].config if function.event_invoke_config else {}
        retries = int(config.get("MaximumRetryAttempts", _RETRIES))
        age = float(config.get("MaximumEventAgeInSeconds", _AGE_SECONDS))
        given_up = time.monotonic() + age * self._minute_seconds / 60
        warm = self._of(function)
        for attempt in range(retries + 1):
            with warm.freed:
                while not _may(function, warm):
                    left = given_up - time.monotonic()
                    if left <= 0 or not warm.freed.wait(left):
                        self._log.write(function, f"event given up: {age:.0f} s old, never run\n")
                        return
                warm.running += 1
            if self._run(function, warm, event).error is None:
                return
            if attempt < retries:
                time.sleep(min(self._minute_seconds * (attempt + 1), _AGE_SECONDS))
        self._log.write(function, f"event given up after {retries + 1} attempts\n")

    def _run(self, function: Any, warm: _Warm, event: Any) -> Answer:
        request = str(uuid.uuid4())
        process: Process | None = None
        try:
            settings = _settings(function)
            process = self._taken(warm, settings) or self._started(function)
            asked = {
                "event": event,
                "request_id": request,
                "deadline": time.time() + float(function.timeout),
                "arn": function.function_arn,
                "memory": function.memory_size,
            }
            answer = process.invoke(asked, float(function.timeout))
            if process.running:
                with self._lock:
                    warm.idle.append((settings, process))
            else:
                process.end()
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            if process is not None:
                process.end()
            told = {"errorType": "Runtime.ImportModuleError", "errorMessage": str(error)}
            answer = Answer(None, told, "", 0.0)
        finally:
            with warm.freed:
                warm.running -= 1
                warm.freed.notify()
        self._log.told(function, request, answer)
        return answer

    def _of(self, function: Any) -> _Warm:
        with self._lock:
            return self._warm.setdefault(function.function_arn, _Warm())

    def _taken(self, warm: _Warm, settings: str) -> Process | None:
        with self._lock:
            while warm.idle:
                kept, process = warm.idle.pop()
                if kept == settings and process.running:
                    return process
                process.end()
        return None

    def _started(self, function: Any) -> Process:
        code = self._unpacked(function)
        env = self._environment(function)
        started: Future[Process] = Future()
        self._starts.put((lambda: Process(code, function.handler, env), started))
        return started.result()

    def _start_all(self) -> None:
        while True:
            start, started = self._starts.get()
            try:
                started.set_result(start())
            except Exception as error:  # it is raised where it is waited for
                started.set_exception(error)

    def _environment(self, function: Any) -> dict[str, str]:
        name, role = function.function_name, function.role.rpartition("/")[2]
        base = local_environment(self._url)
        base.pop("PYTHONPATH", None)
        return {
            **base,
            **{key: str(value) for key, value in (function.environment_vars or {}).items()},
            "AWS_ACCESS_KEY_ID": key_of(role, name),
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": new_stream(),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "PYTHONUNBUFFERED": "1",
        }

    def _unpacked(self, function: Any) -> Path:
        """Return the folder of the function's code, made once for each code."""
        packed: bytes = function.code_bytes
        digest = hashlib.sha256(packed).hexdigest()[:16]
        folder: Path = self._folder / part(function.function_name) / digest
        with self._lock:
            if folder.is_dir():
                return folder
            making = folder.with_suffix(".new")
            shutil.rmtree(making, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                size = sum(each.file_size for each in archive.infolist())
                if size > _UNPACKED_LIMIT_BYTES:
                    raise ValueError(
                        f"Unzipped size must be smaller than {_UNPACKED_LIMIT_BYTES} bytes"
                    )
                archive.extractall(making)  # zipfile keeps members inside
            making.rename(folder)
        return folder


def _may(function: Any, warm: _Warm) -> bool:
    reserved = function.reserved_concurrency
    return reserved is None or warm.running < int(reserved)


def _settings(function: Any) -> str:
    """Return what a process must have been started with to be used again."""
    code = hashlib.sha256(function.code_bytes).hexdigest()
    variables = sorted((function.environment_vars or {}).items())
    settings = [code, function.handler, function.role, function.memory_size, variables]
    return json.dumps(settings)
