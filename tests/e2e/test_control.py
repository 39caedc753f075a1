"""The control socket and `ops node`, which speaks to it."""

from __future__ import annotations

import json
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.fleet import QUEUE, Fleet, one_queue, wait_for


def _asked(fleet: Fleet) -> list[dict[str, Any]]:
    """Return what ``ops node status --json`` says of the workers."""
    done = fleet.ops("node", "status", "--json")
    assert done.returncode == 0, done.stderr
    workers: list[dict[str, Any]] = json.loads(done.stdout)["workers"]
    return workers


def _raw(path: Path, request: bytes) -> dict[str, Any]:
    """Send bytes to a control socket and return the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            said: dict[str, Any] = json.loads(answer.readline())
            return said


def test_pause_hands_back_and_opens_no_poll_until_resume(tmp_path: Path) -> None:
    with one_queue(tmp_path, prefetch="auto", poll="1s") as fleet:
        worker = fleet.start(FLEET_RELEASE="r-7")
        fleet.submit("e2e.nap", 0.05, count=10)
        wait_for(fleet.empty, "short tasks done", worker)
        running = fleet.submit("e2e.hold", str(tmp_path / "go"), count=2)
        wait_for(lambda: len(fleet.runs()) == 12, "two running", worker)
        waiting = fleet.submit("e2e.nap", 0.05, count=5)
        wait_for(lambda: worker.status()["buffered"] == 5, "five waiting", worker)

        done = fleet.ops("node", "pause")
        assert (done.returncode, done.stdout) == (
            0,
            f"{fleet.queue_name} {worker.process.pid}: pause accepted\n",
        )
        fleet.sqs.wait_for(fleet.queue_name, lambda c: (c.visible, c.in_flight) == (5, 2), 2)
        wait_for(lambda: fleet.counts().open_polls == 0, "the open poll heard out", worker)
        polls = fleet.sqs.calls().requests("ReceiveMessage")
        (said,) = _asked(fleet)
        assert (said["phase"], said["busy"], said["buffered"]) == ("paused", 2, 0)
        # Idle slots and a queue with work in it: nothing is asked for, whatever finishes.
        (tmp_path / "go").touch()
        wait_for(lambda: fleet.finished() >= set(running), "the running tasks' end", worker)
        wait_for(lambda: worker.status()["busy"] == 0, "free slots", worker)
        assert fleet.sqs.calls().requests("ReceiveMessage") == polls
        assert not fleet.finished() & set(waiting)
        assert fleet.counts().visible == 5

        assert fleet.ops("node", "resume").returncode == 0
        wait_for(lambda: fleet.finished() == set(fleet.submitted), "the waiting", worker, 2)
        assert _asked(fleet)[0]["phase"] == "running"
        assert set(fleet.run_counts().values()) == {1}
        assert fleet.counts().received_by_closed_polls == 0
        assert fleet.counts().stale_handles == 0


def test_status_shows_what_a_worker_does(tmp_path: Path) -> None:
    with one_queue(tmp_path, concurrency=2, poll="1s") as fleet:
        worker = fleet.start(FLEET_RELEASE="r-7")
        fleet.submit("e2e.nap", 20.0)
        fleet.submit("e2e.early", 20.0)
        wait_for(lambda: len(fleet.runs()) == 2, "two running", worker)
        wait_for(lambda: fleet.counts().deleted == 1, "the early delete", worker)

        (said,) = _asked(fleet)
        assert said["ok"] is True
        assert (said["fleet"], said["queue"], said["pool"]) == ("e2e", QUEUE, "prefork")
        assert (said["pid"], said["release"], said["phase"]) == (
            worker.process.pid,
            "r-7",
            "running",
        )
        assert (said["slots"], said["busy"], said["buffered"]) == (2, 2, 0)
        assert 0 <= said["last_poll_age_seconds"] < 20
        assert sorted(task["task"] for task in said["tasks"]) == ["e2e.early", "e2e.nap"]
        by_id = {run.task_id: run for run in fleet.runs()}
        for task in said["tasks"]:
            assert task["id"] in by_id
            assert 0 < task["age_seconds"] < 20
            assert task["receives"] == 1
        first_age = said["tasks"][0]["age_seconds"]
        assert _asked(fleet)[0]["tasks"][0]["age_seconds"] > first_age

        table = fleet.ops("node", "status")
        assert table.returncode == 0
        row = next(line for line in table.stdout.splitlines() if str(worker.process.pid) in line)
        assert "2/2" in row
        assert "running" in row
        assert " ago" in row
        assert "r-7" in row
        assert "e2e.nap" in table.stdout
        assert all(task_id in table.stdout for task_id in by_id)


def test_without_a_worker_one_line_says_so(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        for verb in ("status", "pause", "resume", "drain"):
            done = fleet.ops("node", verb)
            assert done.returncode == 3
            assert done.stdout == ""
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert str(fleet.folder / "run") in done.stderr

        worker = fleet.start()
        assert fleet.ops("node", "pause", "--queue", "other").returncode == 3
        assert worker.status()["phase"] == "running"
        fleet.kill(worker)
        assert worker.socket_path.exists()
        assert fleet.ops("node", "status").returncode == 3
        assert not worker.socket_path.exists()  # nobody is behind it any more


def test_a_worker_that_nobody_reaps_has_left(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        left, killed = fleet.start(), fleet.start()
        done = fleet.ops("node", "drain", "--wait", "--pid", str(left.process.pid))
        assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 left")
        assert psutil.Process(left.process.pid).status() == psutil.STATUS_ZOMBIE
        killed.process.kill()
        dead = psutil.Process(killed.process.pid)
        wait_for(lambda: dead.status() == psutil.STATUS_ZOMBIE, "its end")
        assert fleet.ops("node", "status").returncode == 3
        assert not killed.socket_path.exists()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_bad_request_is_answered_and_disturbs_nothing(tmp_path: Path, pool: str) -> None:
    with one_queue(tmp_path, poll="1s") as fleet:
        worker = fleet.start("-P", pool)
        path = worker.socket_path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        (key,) = fleet.submit("e2e.nap", 2.0)
        wait_for(fleet.runs, "a run", worker)

        for request, expected in (
            (b"\n", "one JSON object a line"),
            (b"", "one JSON object a line"),
            (b"\xff\xfe\x00\n", "one JSON object a line"),
            (b'{"verb": "status"' + b" " * 5000 + b"}\n", "one JSON object a line"),
            (b"[" * 4000 + b"\n", "one JSON object a line"),
            (b"[1]\n", "verb: expected"),
            (b'{"verb": "explode"}\n', "verb: expected"),
            (b'{"verb": {"a": 1}}\n', "verb: expected"),
            (b'{"verb": "drain", "within_seconds": -1}\n', "within_seconds: expected"),
            (b'{"verb": "drain", "within_seconds": true}\n', "within_seconds: expected"),
            (b'{"verb": "drain", "within_seconds": NaN}\n', "within_seconds: expected"),
            (b'{"verb": "drain", "spot": "yes"}\n', "spot: expected"),
        ):
            answer = _raw(path, request)
            assert answer["ok"] is False, request[:60]
            assert expected in answer["error"], request[:60]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
            silent.connect(str(path))  # one that says nothing keeps nobody else waiting
            assert worker.status()["phase"] == "running"

        wait_for(lambda: fleet.finished() == {key}, "its end", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        assert "Traceback" not in worker.log
        assert fleet.run_counts() == {key: 1}


def test_drain_by_command_waits_for_the_worker(tmp_path: Path) -> None:
    with one_queue(tmp_path, poll="1s") as fleet:
        worker = fleet.start()
        (key,) = fleet.submit("e2e.nap", 2.0)
        wait_for(fleet.runs, "a run", worker)
        with ThreadPoolExecutor(1) as operator:
            command = operator.submit(fleet.ops, "node", "drain", "--wait", "--json")
            assert worker.wait() == 0, worker.log
            done = command.result(5)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["workers"][0]["accepted"] == "drain"
        assert fleet.finished() == {key}
        assert not worker.socket_path.exists()
        assert fleet.empty()


def test_a_drain_is_not_undone_by_resume(tmp_path: Path) -> None:
    with one_queue(tmp_path, poll="1s") as fleet:
        worker = fleet.start()
        fleet.submit("e2e.nap", 4.0)
        wait_for(fleet.runs, "a run", worker)
        worker.signal(signal.SIGTERM)
        wait_for(lambda: worker.status()["phase"] == "draining", "a drain", worker)
        for verb in ("resume", "pause"):
            assert fleet.ops("node", verb).returncode == 0
            assert worker.status()["phase"] == "draining"
        assert worker.wait() == 0
