"""Schedules end to end: the runner's firings, and EventBridge's message, run by real workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.schedules.eventbridge import EXECUTION_ID, SCHEDULED_TIME, definition
from tests.e2e.fleet import PATIENCE_SECONDS, Fleet, one_queue, wait_for
from tests.e2e.turned import Turned
from tests.sqs import Fault
from worker.fleet import load

SCHEDULES = f"""
[schedules.minutely]
cron = "* * * * *"
timezone = "Europe/Berlin"
task = "e2e.scheduled"
args = ["grüße {EXECUTION_ID}", 3]
kwargs = {{ deep = {{ most = [5] }} }}
[schedules.off]
cron = "* * * * *"
task = "e2e.scheduled"
enabled = false
"""


@contextmanager
def scheduled_fleet(folder: Path, schedules: str = SCHEDULES) -> Iterator[Fleet]:
    """A fleet of one queue with schedules."""
    with one_queue(folder) as fleet:
        manifest = fleet.folder / "fleet.toml"
        text = manifest.read_text().replace('["e2e_tasks"]', '["e2e_tasks", "e2e_scheduled"]')
        manifest.write_text(text + schedules)
        yield fleet


def ran(fleet: Fleet) -> list[dict[str, Any]]:
    """What scheduled tasks have recorded."""
    path = fleet.folder / "scheduled.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def recording(fleet: Fleet) -> dict[str, str]:
    """The environment of a worker whose scheduled tasks record."""
    return {"E2E_SCHEDULED": str(fleet.folder / "scheduled.jsonl")}


def sent(fleet: Fleet) -> list[dict[str, Any]]:
    """The headers of the messages in the queue."""
    return [json.loads(m.body)["headers"] for m in fleet.sqs.peek(fleet.queue_name)]


@dataclass
class Runner:
    """`ops schedules run` as a process, and the clock it reads."""

    process: subprocess.Popen[bytes]
    clock: Turned
    out: Path
    err: Path

    def fired(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def said(self) -> list[str]:
        return self.err.read_text().splitlines()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def runner(
    fleet: Fleet, *args: str, name: str = "runner", clock: Turned | None = None
) -> Iterator[Runner]:
    """A runner whose own clock, unless another's is given, then stands shortly before a minute."""
    out, err = (fleet.folder / f"{name}.{kind}" for kind in ("out", "err"))
    own = clock is None
    if clock is None:
        clock = Turned(fleet.folder / f"{name}.clock")
        clock.turn(5 - time.time() % 60)
    module = "tests.e2e.turned_ops"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module, clock.path, "schedules", "run", "--json", *args],
            env=fleet.env(),
            cwd=fleet.folder,
            stdout=stdout,
            stderr=stderr,
        )
    each = Runner(process, clock, out, err)
    try:
        wait_for(lambda: each.said() or process.poll() is not None, f"{name} to begin")
        if own:
            clock.turn(59 - clock.time() % 60)
        yield each
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_a_firing_is_sent_at_its_minute_by_every_runner_with_one_id(tmp_path: Path) -> None:
    with scheduled_fleet(tmp_path) as fleet, runner(fleet) as one:
        assert one.said()[0].startswith("1 of 2 schedules enabled; next minutely at 20")
        wait_for(one.fired, "a firing")
        (line,) = one.fired()
        assert line["at"].endswith(":00Z")
        assert (line["schedule"], line["task"]) == ("minutely", "e2e.scheduled")
        assert line["queue"] == fleet.queue_name
        with runner(fleet, "--catch-up", "2m", name="other", clock=one.clock) as other:
            wait_for(lambda: line["at"] in [each["at"] for each in other.fired()], "it again")
            assert other.end(signal.SIGTERM) == 0
        assert {each["id"] for each in other.fired() if each["at"] == line["at"]} == {line["id"]}
        assert one.end(signal.SIGINT) == 130
        assert one.said()[-1] == "stopped"
        worker = fleet.start(**recording(fleet))
        wait_for(lambda: len(ran(fleet)) == len(one.fired()) + len(other.fired()), "runs", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        # One id from both, and SQS holds what both have sent: `once` is for that.
        run, _ = (run for run in ran(fleet) if run["id"] == line["id"])
        assert run["args"] == [f"grüße {EXECUTION_ID}", 3]
        assert run["kwargs"] == {"deep": {"most": [5]}}
        assert run["root_id"] == line["id"]
        assert run["headers"]["fleet_schedule"] == "minutely"
        assert run["time"] == line["at"]


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    with scheduled_fleet(tmp_path) as fleet, runner(fleet) as one:
        wait_for(one.fired, "a firing")
        one.clock.turn(600)
        wait_for(lambda: len(one.fired()) == 2, "the firing after the jump")
        missed = wait_for(lambda: [s for s in one.said() if "missed" in s], "what was missed")
        assert missed[0].startswith("minutely: missed: 9 times from 20")
        # A second or two is no jump: what was sent is not sent again.
        one.clock.turn(-10)
        one.clock.turn(10)
        one.clock.turn(-3600)
        wait_for(lambda: [s for s in one.said() if "set back" in s], "the clock to be noticed")
        one.clock.turn(60)
        wait_for(lambda: len(one.fired()) == 3, "a firing of the earlier hour")
        assert len({line["id"] for line in one.fired()}) == 3
        assert one.end(signal.SIGTERM) == 0


def test_what_cannot_be_sent_is_tried_again_until_it_fires_again(tmp_path: Path) -> None:
    with scheduled_fleet(tmp_path) as fleet:
        fleet.sqs.add_fault(Fault("status", status=503, actions=("SendMessage",), calls=2))
        fleet.sqs.add_fault(Fault("answer_lost", actions=("SendMessage",), calls=1))
        with runner(fleet) as one:
            (line,) = wait_for(one.fired, "a firing")
            failed = [text for text in one.said() if text.startswith("AWS: sending minutely of ")]
            assert len(failed) == 1
            assert "trying again until 20" in failed[0]
            # The message whose answer was lost, and the one sent again for it: one id.
            assert [headers["id"] for headers in sent(fleet)] == [line["id"]] * 2
            fleet.sqs.add_fault(Fault("error", code="AccessDenied", actions=("SendMessage",)))
            one.clock.turn(60)
            denied = "access denied"
            (text,) = wait_for(lambda: [s for s in one.said() if denied in s], "a refusal")
            assert "allow sqs:SendMessage for these credentials: trying again until 20" in text
            one.clock.turn(60)
            wait_for(lambda: [s for s in one.said() if "given up" in s], "a firing given up")
            assert one.end(signal.SIGTERM) == 0
            assert [s for s in one.said() if "not known to be sent" in s]


def test_catch_up_sends_what_came_due_before(tmp_path: Path) -> None:
    with scheduled_fleet(tmp_path) as fleet, runner(fleet, "--catch-up", "3m") as one:
        fired = wait_for(lambda: one.fired()[2:] and one.fired(), "three firings")
        assert [line["at"] for line in fired] == sorted({line["at"] for line in fired})
        assert one.end(signal.SIGTERM) == 0
        assert [headers["id"] for headers in sent(fleet)] == [line["id"] for line in one.fired()]
        assert not [text for text in one.said() if "missed" in text]


@pytest.mark.parametrize("stock", [False, True], ids=["ours", "stock"])
def test_eventbridges_message_is_run(tmp_path: Path, stock: bool) -> None:
    with scheduled_fleet(tmp_path) as fleet:
        manifest = load(fleet.folder / "fleet.toml")
        made = definition(
            manifest,
            manifest.schedules["minutely"],
            queue_arn="queue",
            dead_letter_arn="dlq",
            role_arn="role",
        )
        bodies = [
            made["Target"]["Input"]
            .replace(EXECUTION_ID, execution)
            .replace(SCHEDULED_TIME, "2027-03-22T18:59:43Z")
            for execution in ("d32c5kddcf5bb8c3", "e43d6leedg6cc9d4")
        ]
        fleet.send_bodies(bodies)
        if stock:
            worker = fleet.launch_stock("-c", "1", imports="e2e_scheduled", **recording(fleet))
        else:
            worker = fleet.start(**recording(fleet))
        wait_for(lambda: len(ran(fleet)) == 2, "both runs", worker)
        wait_for(fleet.empty, "an empty queue", worker)
        runs = sorted(ran(fleet), key=lambda run: run["id"])
        assert [run["id"] for run in runs] == ["d32c5kddcf5bb8c3", "e43d6leedg6cc9d4"]
        for run in runs:
            # A keyword in the arguments is the arguments' own.
            assert run["args"] == [f"grüße {EXECUTION_ID}", 3]
            assert run["kwargs"] == {"deep": {"most": [5]}}
            assert run["headers"] == {
                "fleet_schedule": "minutely",
                "fleet_scheduled_time": "2027-03-22T18:59:43Z",
            }


def test_there_is_nothing_to_run(tmp_path: Path) -> None:
    with one_queue(tmp_path) as fleet:
        ended = fleet.ops("schedules", "run")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == (
            f"{fleet.folder}/fleet.toml: schedules: expected one that is enabled, got none: "
            "add one as [schedules.NAME]\n"
        )
