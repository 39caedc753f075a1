"""A whole local fleet that goes to zero and back, again and again, while work keeps arriving."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.whole import PATIENCE_SECONDS, Whole, until, whole

LONG = os.environ.get("FLEET_LONG") == "1"
ROUNDS = 10 if LONG else 2
QUEUE = "work"
#: As many as are sent together, so that none waits for others in its producer.
BATCH = 10
EVERY_SECONDS = 3.0


@pytest.mark.timeout(600 + 300 * ROUNDS)
def test_to_zero_and_back_nothing_is_lost_nor_run_twice(tmp_path: Path) -> None:
    with whole(tmp_path) as fleet:
        fleet.write(QUEUE, work="nodes.max = 2")
        fleet.up("--minute", "1h")
        fleet.ops("stack", "apply", "--yes")
        fleet.ops("release", "put")
        fleet.engine()
        seen: set[str] = set()
        with arriving(fleet):
            for _ in range(ROUNDS):
                done = len(fleet.times("end"))
                wait_work(fleet, done + BATCH, seen)
                seen |= working(fleet)
                # Nobody waits for the work to end: it never does.
                fleet.ops("scaling", "pin", QUEUE, "0")
                fleet.none_left(QUEUE)
                fleet.ops("scaling", "unpin", QUEUE)
        fleet.wait_done(fleet.keys)
        fleet.none_left(QUEUE)
        fleet.once_each()
        assert not any(fleet.queues().values())


def wait_work(fleet: Whole, done: int, seen: set[str]) -> None:
    """Wait until so much was done in all, and two nodes are at work that were not seen before."""
    until("two new nodes at work", lambda: len(working(fleet) - seen) == 2, else_=fleet.said)
    until("a round's work", lambda: len(fleet.times("end")) >= done, else_=fleet.said)


def working(fleet: Whole) -> set[str]:
    """The nodes that have begun a task."""
    return set(fleet.places().values())


@contextmanager
def arriving(fleet: Whole) -> Iterator[None]:
    """Have tasks published without a break; all that was handed over was sent at the end."""
    over = threading.Event()
    sending = subprocess.Popen(
        fleet.command("tasks", "publish", "work.nap", "--queue", QUEUE, "--from", "-"),
        cwd=fleet.folder,
        env=fleet.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def write() -> None:
        assert sending.stdin is not None
        with sending.stdin as lines:
            while not over.wait(EVERY_SECONDS):
                keys = [f"{QUEUE}-{len(fleet.keys) + i}" for i in range(BATCH)]
                lines.writelines(json.dumps([key, str(fleet.runs), 0.3]) + "\n" for key in keys)
                lines.flush()
                fleet.keys += keys

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        assert sending.stdout is not None
        with sending.stdout:
            said = sending.stdout.read()
        assert sending.wait(PATIENCE_SECONDS) == 0
        assert f"{len(fleet.keys)} sent, 0 refused" in said
