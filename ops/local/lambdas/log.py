"""The log of functions: a file of each, and its log group with what is subscribed to it."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.logs.models import logs_backends

from ops.local.lambdas.process import Answer
from ops.local.machine.logs import MOST_BYTES, before
from ops.local.names import part

_log = logging.getLogger(__name__)


class Log:
    """The logs of all functions, in a folder that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def told(self, function: Any, request: str, answer: Answer) -> None:
        """Write what came of an invocation, as Lambda writes it."""
        failed = "" if answer.error is None else f"{json.dumps(answer.error)}\n"
        self.write(
            function,
            f"START RequestId: {request} Version: $LATEST\n{answer.output}"
            f"{'' if answer.output.endswith(chr(10)) or not answer.output else chr(10)}{failed}"
            f"END RequestId: {request}\n"
            f"REPORT RequestId: {request} Duration: {answer.seconds * 1000:.2f} ms "
            f"Memory Size: {function.memory_size} MB\n",
        )

    def write(self, function: Any, text: str) -> None:
        """Write into the function's file and its log group."""
        own = self._folder / f"{part(function.function_name)}.log"
        with self._lock:
            if own.exists() and own.stat().st_size > MOST_BYTES:
                own.replace(before(own))
            with own.open("a") as log:
                log.write(text)
        name = function.logs_group_name
        backend = logs_backends[function.account_id][function.region]
        at = int(time.time() * 1000)
        lines = [{"timestamp": at, "message": line} for line in text.splitlines()]
        try:
            if name not in backend.groups:
                backend.create_log_group(name, {})
            stream = new_stream()
            backend.create_log_stream(name, stream)
            backend.put_log_events(name, stream, lines)
        except Exception:  # whatever delivers the log on, the function was run
            _log.exception("%s: its log was not taken", name)


def new_stream() -> str:
    """Return a name as Lambda gives a log stream."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
