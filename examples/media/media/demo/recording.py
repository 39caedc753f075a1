"""Records what is sent and what is run: a line of JSON each, appended to one file by every process.

The demo's manifest imports this module beside the tasks. The record is the workers' own word, and
is held against the files that are really there (media.demo.deliveries).
"""

import json
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from celery import Task, signals

JOURNAL_VARIABLE = "MEDIA_DEMO_JOURNAL"


class Recorder:
    """Appends to the journal; a worker's child processes inherit it.

    A line goes out in one write to a file opened for appending, so that a process that is killed
    leaves no half of one, and no two lines mix.
    """

    def __init__(self, path: str, worker_pid: int, node: str | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._who = {"worker": worker_pid, "node": node}

    @classmethod
    def of_this_process(cls) -> Self:
        """Return one that writes where the environment says. Raises KeyError, OSError."""
        # A machine of the local AWS has its root in a folder of its instance's name.
        root = os.environ.get("FLEET_ROOT")
        node = None if root is None else Path(root).name
        return cls(os.environ[JOURNAL_VARIABLE], os.getpid(), node)

    def connect(self) -> None:
        """Record everything that this process and its children send and run."""
        signals.after_task_publish.connect(self.published, weak=False)
        signals.task_prerun.connect(self.started, weak=False)
        signals.task_postrun.connect(self.ended, weak=False)

    def published(self, headers: Mapping[str, Any], **_: object) -> None:
        """Record a message that was sent; `due` is its eta, in epoch seconds, None without one."""
        eta = headers.get("eta")
        due = None if eta is None else datetime.fromisoformat(eta).timestamp()
        self._write("published", headers["id"], due=due)

    def started(self, task_id: str, task: Task, **_: object) -> None:
        """Record the start of a run; `sent` is SQS's time of the message, in epoch seconds."""
        sent_milliseconds = (task.request.delivery_info or {}).get("sent_timestamp")
        sent = None if sent_milliseconds is None else sent_milliseconds / 1000
        self._write("started", task_id, sent=sent)

    def ended(self, task_id: str, state: str | None = None, **_: object) -> None:
        """Record the end of a run, with Celery's state: SUCCESS, FAILURE or RETRY."""
        self._write("ended", task_id, state=state)

    def _write(self, event: str, task_id: str, **more: object) -> None:
        line = {"event": event, "id": task_id, "at": time.time()}
        os.write(self._file, json.dumps({**line, **self._who, **more}).encode() + b"\n")


@signals.worker_init.connect
def record_this_worker(**_: object) -> None:
    """Record a worker's life from its start, before it has any child."""
    Recorder.of_this_process().connect()
