"""Workers of this machine's fleet: real `celery worker -Q QUEUE` processes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ops.local.process import Child, start


def start_worker(
    queue: str, *, env: Mapping[str, str], cwd: Path, log: Path, name: str | None = None
) -> Child:
    """Start a worker of `queue`, and return at once; `name` is the queue's where None.

    Its manifest and tasks are found as `env` and `cwd` say. Raises OSError.
    """
    command = [sys.executable, "-m", "celery", "worker", "-Q", queue, "--loglevel", "INFO"]
    return start(queue if name is None else name, command, env=env, cwd=cwd, log=log)
