"""A whole local fleet on ECS whose worker hangs: its task is replaced, and no other."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ops.node.bounds import ABSENT_SECONDS, DEAF_SECONDS
from tests.e2e.fleet import REPOSITORY
from tests.e2e.turned import Turned
from tests.e2e.whole import NAME, until
from tests.e2e.whole_ecs import Served, served
from worker import control

# Stacks, tasks and workers, one after the other.
pytestmark = pytest.mark.timeout(900)

#: What the template's definition has, that a new revision has as well.
KEPT = ("family", "taskRoleArn", "networkMode", "volumes", "cpu", "memory")


def hurried(fleet: Served, clock: Turned) -> None:
    """Deploy the same tasks with AWS's shortest times, and a clock of the agent's that turns."""
    ecs = fleet.client("ecs")
    found = ecs.describe_task_definition(taskDefinition=f"{NAME}-mail")["taskDefinition"]
    worker, agent = found["containerDefinitions"]
    worker["healthCheck"] |= {"interval": 5, "timeout": 5, "retries": 1}
    worker["stopTimeout"] = agent["stopTimeout"] = 5
    agent["command"] = ["python", "-m", "tests.e2e.ahead", str(clock.path), *agent["command"][1:]]
    agent["environment"].append({"name": "PYTHONPATH", "value": str(REPOSITORY)})
    kept = {name: found[name] for name in KEPT}
    made = ecs.register_task_definition(containerDefinitions=[worker, agent], **kept)
    arn = made["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=NAME, service=f"{NAME}-mail", taskDefinition=arn)
    until("its deployment", lambda: len(fleet.service("mail")["deployments"]) == 1)


def described(fleet: Served, task: str) -> dict[str, Any]:
    (found,) = fleet.client("ecs").describe_tasks(cluster=NAME, tasks=[task])["tasks"]
    return dict(found)


def test_a_task_whose_worker_hangs_is_replaced_and_one_that_works_is_not(tmp_path: Path) -> None:
    clock = Turned(tmp_path / "clock")
    long = ABSENT_SECONDS + DEAF_SECONDS
    with served(tmp_path) as fleet:
        fleet.declare("mail", least=1)
        fleet.up()
        fleet.ops("stack", "apply", "--yes")
        fleet.ops("scaling", "pin", "mail", "1")
        hurried(fleet, clock)
        (first,) = fleet.running("mail", 1)
        until("its health", lambda: fleet.tasks("mail")[first]["health"] == "HEALTHY")

        # One slot works for long, the other listens; for the agent it has done so for minutes.
        (held,) = fleet.publish("mail", "hold")
        assert fleet.wait_begun([held]) == {held: first}
        before = fleet.registered("mail")[first]["said_at"]
        clock.turn(long)
        until("a word since", lambda: fleet.registered("mail")[first]["said_at"] != before)
        done = fleet.publish("mail", "nap", 0.0, count=4)
        fleet.wait_done(done)
        assert fleet.on_task(first, "ping")["well"]
        assert "told unhealthy" not in fleet.container_log(first, "agent")
        assert {id: each["health"] for id, each in fleet.tasks("mail").items()} == {
            first: "HEALTHY"
        }

        pid = int(fleet.on_task(first, "status")["workers"][0]["pid"])
        os.kill(pid, signal.SIGSTOP)
        agent = fleet.state / f"nodes/{first}/volumes/run/{NAME}-mail.agent"
        until(
            "its silence",
            lambda: "no worker answers" in control.ask(agent, {"verb": "status"})["reasons"],
        )
        clock.turn(long)
        until("a verdict", lambda: "told unhealthy" in fleet.container_log(first, "agent"))
        until("its health", lambda: fleet.tasks("mail")[first]["health"] == "UNHEALTHY")
        # Another is there, and healthy, before it is stopped.
        until("its end", lambda: described(fleet, first)["lastStatus"] == "STOPPED")
        ended = described(fleet, first)
        assert ended["stoppedReason"] == "Task failed container health checks"
        (second,) = fleet.tasks("mail")
        assert described(fleet, second)["startedAt"] < ended["stoppingAt"]
        assert fleet.tasks("mail")[second]["health"] == "HEALTHY"
        said = [each["message"] for each in fleet.service("mail")["events"]]
        assert f"(service {NAME}-mail) (task {first}) failed container health checks." in said

        # What it ran is run anew once its lease has lapsed, and nothing of it is left.
        until("another run", lambda: fleet.places()[held] == second, else_=fleet.said)
        assert first not in fleet.processes().values()
        fleet.let_go(held)
        fleet.wait_done([held])
        assert (fleet.times("start")[held], fleet.times("end")[held]) == (2, 1)
        assert {fleet.times("start")[key] for key in done} == {1}
        until("an empty queue", lambda: not any(fleet.queues().values()))
