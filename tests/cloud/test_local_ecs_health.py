"""Health checks of the local AWS's tasks: really run, shown, and heeded by their services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.ecs_tasks import OBEYS, Tasks, container
from tests.cloud.machines import machines, until
from worker.children import gone

RUN = [{"name": "FLEET_RUNTIME_DIR", "value": "/run/fleet"}]
#: AWS's shortest times.
SOON = {"interval": 5, "timeout": 2, "retries": 1}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    with machines(tmp_path_factory.mktemp("ecs")) as fleet:
        yield Tasks(fleet, tmp_path_factory.mktemp("notes"))


def checked(name: str, line: str, **more: Any) -> dict[str, Any]:
    """A container whose health check is a line for the shell, run in its environment."""
    check = {"command": ["CMD-SHELL", line], **SOON, **more.pop("check", {})}
    return container(name, OBEYS, environment=RUN, healthCheck=check, **more)


def place(tasks: Tasks, id: str, name: str, container: str = "worker") -> Path:
    """A file in the folder that a container of a task has for its own at /run/fleet."""
    return tasks.fleet.node(id) / "containers" / container / "run/fleet" / name


def health(tasks: Tasks, id: str) -> tuple[str, dict[str, str]]:
    """The health of a task, and of its containers."""
    shown = tasks.task(id)
    return shown["healthStatus"], {
        each["name"]: each["healthStatus"] for each in shown["containers"]
    }


def said(tasks: Tasks, name: str) -> list[str]:
    """What a service's scheduler has said, the oldest first."""
    return [each["message"] for each in reversed(tasks.service(name)["events"])]


def log(tasks: Tasks, id: str) -> str:
    return _read(tasks.fleet.node(id) / "log/task.log")


def test_an_unhealthy_task_goes_once_another_is_healthy(tasks: Tasks) -> None:
    tasks.define(
        "ill",
        checked("worker", 'test ! -e "$FLEET_RUNTIME_DIR/ill"'),
        checked("aside", "exit 3", essential=False),
        container("plain", OBEYS, essential=False),
    )
    tasks.serve("ill")
    (first,) = tasks.running("ill", 1)
    assert health(tasks, first)[0] == "UNKNOWN"
    known = {"worker": "HEALTHY", "aside": "UNHEALTHY", "plain": "UNKNOWN"}
    until("its health", lambda: health(tasks, first) == ("HEALTHY", known))
    assert tasks.shown()[first]["health"] == "HEALTHY"
    assert tasks.running("ill", 1) == [first]

    # Protection is from scale-in, and not from this.
    tasks.ecs.update_task_protection(cluster=tasks.cluster, tasks=[first], protectionEnabled=True)
    place(tasks, first, "ill").touch()
    (_, second) = until("another", lambda: ids if len(ids := tasks.ids("ill")) == 2 else None)
    assert health(tasks, first)[0] == "UNHEALTHY"
    assert tasks.task(first)["desiredStatus"] == "RUNNING"
    ended = tasks.stopped(first)
    assert ended["stoppedReason"] == "Task failed container health checks"
    assert ended["stopCode"] == "ServiceSchedulerInitiated"
    assert tasks.exits(first) == {"worker": 7, "aside": 7, "plain": 7}
    assert health(tasks, second)[0] == "HEALTHY"
    assert tasks.running("ill", 1) == [second]
    assert said(tasks, "ill") == [
        f"(service ill) has started 1 tasks: (task {first}).",
        f"(service ill) has started 1 tasks: (task {second}). "
        "Amazon ECS replaced 1 tasks due to an unhealthy status.",
        f"(service ill) (task {first}) failed container health checks.",
        f"(service ill) has stopped 1 running tasks: (task {first}).",
    ]
    tasks.delete("ill")


def test_one_that_hangs_fails_and_goes_first_where_no_more_may_be_there(tasks: Tasks) -> None:
    hangs = (
        'test ! -e "$FLEET_RUNTIME_DIR/hang" || { echo $$ > "$FLEET_RUNTIME_DIR/pid"; sleep 99; }'
    )
    tasks.define("hangs", checked("worker", hangs))
    bounds = {"maximumPercent": 100, "minimumHealthyPercent": 0}
    tasks.serve("hangs", deploymentConfiguration=bounds)
    (first,) = tasks.running("hangs", 1)
    place(tasks, first, "hang").touch()
    pid = int(until("a check that hangs", lambda: _read(place(tasks, first, "pid"))))
    tasks.stopped(first)
    assert gone(pid)
    assert "worker: health check: no end within 2 s, 1 of 1" in log(tasks, first)
    (second,) = tasks.running("hangs", 1)
    assert said(tasks, "hangs")[1:] == [
        f"(service hangs) (task {first}) failed container health checks.",
        f"(service hangs) has stopped 1 running tasks: (task {first}).",
        f"(service hangs) has started 1 tasks: (task {second}).",
    ]
    tasks.delete("hangs")


def test_a_deployment_waits_for_health_and_a_start_period_for_none(tasks: Tasks) -> None:
    tasks.define("slow", container("worker", OBEYS))
    tasks.serve("slow")
    (old,) = tasks.running("slow", 1)
    up = checked("worker", 'test -e "$FLEET_RUNTIME_DIR/up"', check={"startPeriod": 300})
    after = tasks.define("slow", up)
    tasks.ecs.update_service(cluster=tasks.cluster, service="slow", taskDefinition=after)
    (new,) = until("another", lambda: set(tasks.ids("slow")) - {old})
    until("a failure", lambda: "exit 1, in its start period" in log(tasks, new))
    assert health(tasks, new)[0] == "UNKNOWN"
    assert set(tasks.ids("slow")) == {old, new}
    place(tasks, new, "up").touch()
    tasks.stopped(old)
    assert health(tasks, new)[0] == "HEALTHY"
    # From then on failures count.
    place(tasks, new, "up").unlink()
    until("its health", lambda: health(tasks, new)[0] == "UNHEALTHY")
    tasks.delete("slow")


def test_a_check_that_is_none_is_refused_at_once(tasks: Tasks) -> None:
    late = checked("worker", "true", check={"interval": 4})
    with pytest.raises(
        ClientError, match=r"worker: healthCheck.interval: expected 5 to 300, got 4"
    ):
        tasks.define("none", late)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
