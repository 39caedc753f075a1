"""Programs that tasks start die with what runs them; tasks acknowledged at their start."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from tests.e2e.fleet import ended, one_queue, wait_for

#: How soon a program is gone once its task's process is.
GONE_SECONDS = 3.0


def test_programs_die_with_a_killed_worker(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        workers = fleet.start_every_pool()
        fleet.submit("e2e.program", 120, count=5)
        wait_for(lambda: len(fleet.programs()) == 5, "five programs", workers["prefork"])
        programs = fleet.programs()
        assert not any(map(ended, programs))

        for worker in workers.values():
            fleet.kill(worker)
        wait_for(lambda: all(map(ended, programs)), "the programs' end", None, GONE_SECONDS)


def test_a_program_dies_with_its_pool_child_alone(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        worker = fleet.start()
        killed, other = fleet.submit("e2e.program", 4, count=2)
        wait_for(lambda: len(fleet.programs()) == 2, "two programs", worker)
        child = next(run.pid for run in fleet.runs() if run.key == killed)
        owner = {psutil.Process(pid).ppid(): pid for pid in fleet.programs()}
        program = owner.pop(child)
        (survivor,) = owner.values()

        os.kill(child, signal.SIGKILL)
        wait_for(lambda: ended(program), "the program's end", worker, GONE_SECONDS)
        assert not ended(survivor)
        wait_for(lambda: fleet.finished() == {killed, other}, "both ends", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        assert fleet.run_counts() == {killed: 2, other: 1}
        assert worker.alive()


def test_programs_die_at_the_time_limit(tmp_path: Path) -> None:
    with one_queue(tmp_path, time_limit="3s") as fleet:
        workers = fleet.start_every_pool(slots=1)
        keys = fleet.submit("e2e.program", 120, count=3)
        wait_for(lambda: len(fleet.programs()) == 3, "three programs", workers["prefork"])
        programs = fleet.programs()

        wait_for(lambda: len(fleet.reasons()) == 3, "three dead letters", workers["prefork"], 15)
        wait_for(lambda: all(map(ended, programs)), "the programs' end", None, GONE_SECONDS)
        assert {reason["class"] for reason in fleet.reasons()} == {"TimeLimitExceeded"}
        assert {reason["message"] for reason in fleet.reasons()} == {"ran longer than 3 s"}
        assert fleet.run_counts() == dict.fromkeys(keys, 1)
        assert workers["threads"].wait() == 75
        assert workers["solo"].wait() == 75
        assert workers["prefork"].alive()
        wait_for(fleet.empty, "an empty queue", workers["prefork"])


def test_a_task_acknowledged_early_keeps_its_slot(tmp_path: Path) -> None:
    with one_queue(tmp_path, poll="1s") as fleet:
        workers = fleet.start_every_pool(slots=1)
        early = fleet.submit("e2e.early", 4.0, count=3)
        wait_for(lambda: len(fleet.runs()) == 3, "three runs", workers["prefork"])
        waiting = fleet.submit("e2e.nap", 0.0, count=3)
        wait_for(lambda: fleet.counts().deleted == 3, "three deletes", workers["prefork"])
        assert fleet.finished() == set()
        for pool, worker in workers.items():
            said = worker.status()
            assert (said["busy"], said["slots"]) == (1, 1), pool
            assert [task["task"] for task in said["tasks"]] == ["e2e.early"], pool

        for worker in workers.values():
            worker.signal(signal.SIGTERM)
        for pool, worker in workers.items():
            assert worker.wait() == 0, f"{pool}: {worker.log}"
        assert fleet.finished() == set(early)  # the drain has waited for them
        assert fleet.counts().visible == len(waiting)
        assert fleet.counts().in_flight == 0
        assert set(fleet.run_counts().values()) == {1}


def test_a_time_limit_ends_a_task_acknowledged_early(tmp_path: Path) -> None:
    with one_queue(tmp_path, time_limit="2s") as fleet:
        workers = fleet.start_every_pool(slots=1)
        keys = fleet.submit("e2e.early", 60.0, count=3)
        wait_for(lambda: len(fleet.runs()) == 3, "three runs", workers["prefork"])
        (child,) = {run.pid for run in fleet.runs()} - {w.process.pid for w in workers.values()}

        wait_for(lambda: ended(child), "the child's end", workers["prefork"], 10)
        for pool in ("threads", "solo"):
            assert workers[pool].wait(10) == 75, workers[pool].log
        assert workers["prefork"].alive()
        assert fleet.run_counts() == dict.fromkeys(keys, 1)
        assert fleet.empty()
