"""A whole local fleet on ECS by `ops` alone: from one task to many and to none, stopped in time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ops.local.machine.processes import below, table
from ops.local.running import began
from tests.e2e.whole import NAME, until
from tests.e2e.whole_ecs import Served, served

# Stacks, tasks and workers, one after the other.
pytestmark = pytest.mark.timeout(900)


def stop_by_hand(fleet: Served, task: str) -> None:
    fleet.client("ecs").stop_task(cluster=NAME, task=task, reason="by hand")


def exits(fleet: Served, task: str) -> dict[str, int] | None:
    """The exit codes of a task's containers, once it has stopped."""
    (found,) = fleet.client("ecs").describe_tasks(cluster=NAME, tasks=[task])["tasks"]
    if found["lastStatus"] != "STOPPED":
        return None
    return {each["name"]: each["exitCode"] for each in found["containers"]}


def test_a_service_grows_with_its_queue_and_ends_no_busy_task(tmp_path: Path) -> None:
    with served(tmp_path) as fleet:
        fleet.declare("mail")
        image = fleet.manifest.read_text()
        fleet.manifest.write_text(image.replace(f'image = "example.test/{NAME}:1", ', ""))
        fleet.up("--minute", "4s")
        refused = fleet.ops("stack", "plan", code=2)
        assert "queues.mail.nodes.image: expected the container image of the nodes with " in (
            refused.stderr
        )
        fleet.manifest.write_text(image)
        fleet.ops("stack", "apply", "--yes")
        # A new service begins with one task, which the engine may have taken away by now.
        assert len(fleet.ever("mail")) == 1

        keys = fleet.publish("mail", "hold", count=6)
        places = fleet.wait_begun(keys)
        assert set(places.values()) <= set(fleet.tasks("mail"))
        busy = places[keys[0]]
        shown = fleet.ops("local", "status").stdout
        assert f"{busy}  {NAME}-mail  RUNNING" in shown
        assert "worker RUNNING, agent RUNNING" in shown
        others = [key for key in keys if places[key] != busy]
        kept = [key for key in keys if places[key] == busy]
        assert kept
        assert others
        fleet.let_go(*others)
        fleet.wait_done(others)
        # An idle one goes, and not the oldest, which the scheduler would choose: it is protected.
        # Others may be held for a while, for what comes.
        until(
            "an idle one's end",
            lambda: set(fleet.tasks("mail")) < set(places.values()),
            else_=fleet.said,
        )
        assert fleet.service("mail")["desiredCount"] < len(set(places.values()))
        assert fleet.tasks("mail")[busy]["state"] == "RUNNING"
        assert set(kept).isdisjoint(fleet.times("end"))
        fleet.let_go(*kept)
        fleet.wait_done(keys)
        fleet.rid("mail")
        fleet.once_each()
        assert not any(fleet.queues().values())
        log = fleet.ops("local", "logs", busy, "--unit", "agent").stdout
        assert "leaving: its task is stopped" in log

        for operation in ("ReceiveMessage", "UpdateItem"):
            (role,) = fleet.called(operation, busy)
            assert role.startswith(f"{NAME}-queue-mail-NodeRole-")

        fleet.ops("stack", "destroy", "mail", "--yes")
        pid = fleet.json("local", "status")["pid"]
        pids = [pid, *below(pid, table())]
        fleet.ops("local", "down")
        assert [each for each in pids if began(each) is not None] == []


def test_a_task_that_is_stopped_drains_in_its_time_and_leaves(tmp_path: Path) -> None:
    with served(tmp_path) as fleet:
        fleet.declare("mail", least=1, more='drain_budget = "15s"')
        fleet.up()
        fleet.ops("stack", "apply", "--yes")
        (first,) = fleet.running("mail", 1)

        # Held by an operator it receives nothing; taken back it does.
        fleet.on_task(first, "pause")
        (key,) = fleet.publish("mail", "hold")
        assert fleet.on_task(first, "status")["workers"][0]["phase"] == "paused"
        assert fleet.queues()[f"{NAME}-mail"] == 1
        assert not fleet.places()
        fleet.on_task(first, "resume")
        assert fleet.wait_begun([key]) == {key: first}
        assert fleet.on_task(first, "ping")["well"]

        # What ends within the budget is done once, and the registry knows the task no more.
        stop_by_hand(fleet, first)
        until(
            "its drain",
            lambda: "leaving: its task is stopped" in fleet.container_log(first, "agent"),
        )
        fleet.let_go(key)
        fleet.wait_done([key])
        until("its end", lambda: exits(fleet, first))
        assert exits(fleet, first) == {"worker": 0, "agent": 0}
        assert first not in fleet.registered("mail")
        assert "left the registry" in fleet.container_log(first, "agent")
        (second,) = fleet.running("mail", 1)
        fleet.once_each()

        # What does not is handed back before its time is over, and another task has it.
        (slow,) = fleet.publish("mail", "hold")
        assert fleet.wait_begun([slow]) == {slow: second}
        stop_by_hand(fleet, second)
        until("another", lambda: fleet.places()[slow] != second, else_=fleet.said)
        until("its end", lambda: exits(fleet, second))
        assert exits(fleet, second) == {"worker": 0, "agent": 0}
        fleet.let_go(slow)
        fleet.wait_done([slow])
        assert (fleet.times("start")[slow], fleet.times("end")[slow]) == (2, 1)

        # A worker that is killed takes its task along, and its task is replaced.
        (third,) = fleet.running("mail", 1)
        pid = int(fleet.on_task(third, "status")["workers"][0]["pid"])
        os.kill(pid, signal.SIGKILL)
        until("its end", lambda: exits(fleet, third))
        assert exits(fleet, third) == {"worker": 137, "agent": 0}
        assert fleet.running("mail", 1) != [third]

        # Killed itself, the local AWS leaves none of them running.
        os.kill(fleet.json("local", "status")["pid"], signal.SIGKILL)
        until("the end of all", lambda: not fleet.processes(), else_=fleet.processes)
