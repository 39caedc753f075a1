"""The threads that wait for AWS: each call is made, and none is waited for at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import wait

import pytest

from ops.scaling.threads import Threads

PATIENCE_SECONDS = 40.0
NEVER = """
import threading
from ops.scaling.threads import Threads
threads, begun = Threads(2, "never"), threading.Event()
def wait_for_ever():
    begun.set()
    threading.Event().wait()
threads.submit(wait_for_ever)
begun.wait()
threads.close()
print("said")
"""


def test_what_never_ends_does_not_keep_the_process() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", NEVER],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("said\n", "", 0)


def test_so_many_run_at_a_time_and_each_says_what_came_of_it() -> None:
    threads, all_there = Threads(3, "some"), threading.Barrier(3, timeout=PATIENCE_SECONDS)
    names = set()

    def meet(number: int) -> int:
        names.add(threading.current_thread().name)
        all_there.wait()
        return number

    futures = [threads.submit(meet, number) for number in range(30)]
    assert [future.result(PATIENCE_SECONDS) for future in futures] == list(range(30))
    assert names == {"some_1", "some_2", "some_3"}
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(PATIENCE_SECONDS)
    threads.close()


def test_at_the_end_what_was_begun_is_done_and_the_rest_is_left() -> None:
    threads, begun, go = Threads(1, "one"), threading.Event(), threading.Event()

    def first() -> str:
        begun.set()
        assert go.wait(PATIENCE_SECONDS)
        return "done"

    done, left = threads.submit(first), threads.submit(str)
    assert begun.wait(PATIENCE_SECONDS)
    (thread,) = (each for each in threading.enumerate() if each.name == "one_1")
    threads.close()
    assert left.cancelled()
    go.set()
    assert done.result(PATIENCE_SECONDS) == "done"
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert wait([left]).done == {left}
