"""Programs that a task starts: run to their end, and dead with their worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from worker import children
from worker.children import gone

REPOSITORY = Path(__file__).resolve().parents[2]


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_output_and_status_come_back() -> None:
    ran = children.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, b"out\n", b"err\n")


def test_input_is_given_and_is_empty_otherwise() -> None:
    assert children.run(["cat"], input=b"hello").stdout == b"hello"
    assert children.run(["cat"], timeout_seconds=20).stdout == b""


def test_options_of_subprocess_are_taken(tmp_path: Path) -> None:
    ran = children.run(["pwd"], cwd=tmp_path, stderr=subprocess.STDOUT)
    assert ran.stdout.decode().strip() == str(tmp_path.resolve())


def test_a_program_that_is_too_slow_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        children.run(["sleep", "60"], timeout_seconds=0.2)
    assert not [p for p in psutil.Process().children() if p.name() == "sleep"]


def test_a_program_that_is_not_there_is_an_error_of_the_callers() -> None:
    with pytest.raises(FileNotFoundError):
        children.run(["/no/such/program"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_dies_with_the_process_that_started_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    note = tmp_path / "pid"
    program = f"echo $$ > {note}; exec sleep 60"
    script = f"from worker import children; children.run(['sh', '-c', {program!r}])"
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY)
    try:
        _wait(lambda: note.exists() and note.read_text().strip() != "", "the program")
        child = int(note.read_text())
        assert not _gone(child)
        parent.send_signal(number)
        parent.wait(30)
        _wait(lambda: _gone(child), "the program's end")
    finally:
        parent.kill()
        parent.wait()


ORPHAN = """
import os, signal
from worker import children
from worker.children import gone
tie = children.die_with_parent()
middle = os.fork()
if middle == 0:  # its child's parent is this process, and not the one that made the tie
    child = os.fork()
    if child == 0:
        tie()
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(os.waitstatus_to_exitcode(os.waitpid(middle, 0)[1]) - 128)
"""


def test_a_program_whose_parent_died_before_the_tie_does_not_start() -> None:
    """The parent that counts is the one that made the tie."""
    ran = subprocess.run(
        [sys.executable, "-c", ORPHAN], cwd=REPOSITORY, capture_output=True, timeout=30, check=True
    )
    assert int(ran.stdout) == signal.SIGKILL


def test_a_process_is_gone_from_its_end_on_reaped_or_not() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    assert not gone(child.pid)
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert gone(child.pid)  # ended, and nobody has asked how
    child.wait()
    assert gone(child.pid)


def test_a_process_of_somebody_else_is_seen_too() -> None:
    assert not gone(os.getppid())
