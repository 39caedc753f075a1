"""What a task of the local ECS is told and where its paths lie, by its definition. Pure."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.local.ecs.facts import CannotStart, facts_of, stop_seconds
from ops.local.ecs.host.facts import Container, Restart
from ops.local.ecs.host.image import placed, places
from ops.local.ecs.task import Task

ROOT = Path("/x/nodes/1")
AT = {"/run/fleet": ROOT / "volumes/run", "/run/fleet/in": ROOT / "in", "/tmp": ROOT / "tmp"}


def a_task(*containers: dict[str, Any], **more: Any) -> Task:
    definition = SimpleNamespace(
        family="f", revision=3, cpu="256", memory="512", container_definitions=containers, **more
    )
    service = SimpleNamespace(
        name="media-mail",
        cluster_name="media",
        cluster_arn="arn:aws:ecs:eu-west-1:1:cluster/media",
        region_name="eu-west-1",
    )
    return Task("0a", service, definition, 1, "eu-west-1a", "127.0.0.9", 0.0)


def told(**more: Any) -> Container:
    (found,) = facts_of(a_task({"name": "worker", **more}), "http://127.0.0.1:1", "").containers
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/run/fleet", "/x/nodes/1/volumes/run"),
        ("/run/fleet/a.sock", "/x/nodes/1/volumes/run/a.sock"),
        ("/run/fleet/in/b", "/x/nodes/1/in/b"),
        ("unix:/run/fleet:/tmp", "unix:/x/nodes/1/volumes/run:/x/nodes/1/tmp"),
        ("/run/fleet-two", "/run/fleet-two"),
        ("/srv/run/fleet", "/srv/run/fleet"),
        ("/run/fleets", "/run/fleets"),
    ],
)
def test_a_containers_paths_lie_in_its_tasks_folder(text: str, found: str) -> None:
    assert placed(text, AT) == found


def test_what_is_not_shared_is_a_containers_own() -> None:
    mounted = told(mountPoints=[{"sourceVolume": "run", "containerPath": "/run/fleet"}])
    assert places(ROOT, mounted)["/run/fleet"] == ROOT / "volumes/run"
    assert places(ROOT, told())["/run/fleet"] == ROOT / "containers/worker/run/fleet"


def test_what_a_definition_leaves_out_is_as_ecs_has_it() -> None:
    container = told()
    assert (container.essential, container.stop_seconds) == (True, 30.0)
    assert (container.command, container.restart) == ((), None)
    assert told(restartPolicy={"enabled": True}).restart == Restart(300.0)
    assert told(restartPolicy={"enabled": False}).restart is None
    # Fargate's most.
    assert told(stopTimeout=600).stop_seconds == 120.0
    assert stop_seconds(a_task({"name": "a"}, {"name": "b", "stopTimeout": 2}).definition) == 32.0


def test_an_entry_point_comes_before_the_command() -> None:
    assert told(entryPoint=["a", "b"], command=["c"]).command == ("a", "b", "c")


def test_a_role_is_the_keys_and_none_has_no_key() -> None:
    role = "arn:aws:iam::1:role/path/media-node"
    facts = facts_of(a_task({"name": "a"}, task_role_arn=role), "", "")
    assert (facts.role, facts.key) == (role, "FLEETLOCAL.media-node.0a")
    assert facts_of(a_task({"name": "a"}), "", "").key == ""


@pytest.mark.parametrize("condition", ["HEALTHY", "COMPLETE", "SUCCESS"])
def test_a_condition_that_it_does_not_know_is_refused(condition: str) -> None:
    with pytest.raises(CannotStart, match=f"expected the condition START.* got {condition}"):
        told(dependsOn=[{"containerName": "b", "condition": condition}])
