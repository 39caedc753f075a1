"""An agent in a task of ECS: what it has its container's health check find, and when not."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ops.node import verdict
from ops.node.actions import Action, Condemn, Verdict
from ops.node.bounds import ABSENT_SECONDS, DEAF_SECONDS, STUCK_SECONDS
from ops.node.keeping import Keeper
from ops.node.seen import Seen, seen
from ops.node.sight import Kind, Place
from ops.stack.yaml_reading import template
from tests.unit.node_agent_parts import PLACE, RUNNING, World, of
from tests.unit.test_node_task import TASK, Stopped

DEAF = replace(RUNNING, last_poll_age=None)
HUNG = Seen(7, trouble="timed out")
LONG = int(max(DEAF_SECONDS, ABSENT_SECONDS)) + 20


def task(*workers: Seen, place: Place = TASK) -> World:
    """A task whose worker was well, and is so now."""
    world = World(RUNNING)
    world.place, world.noticed = place, place is PLACE
    world.steps(3)
    world.workers = workers
    return world


def said(world: World) -> list[str]:
    return [line for line in world.said if line.startswith("told unhealthy")]


@pytest.mark.parametrize(
    ("worker", "why"),
    [
        (DEAF, "worker 7 has free slots and no poll of it was answered for "),
        (HUNG, "no worker has answered for 300 s: timed out"),
        # It took its task's lease along: nobody renews it.
        (replace(HUNG, busy=2, leased=2), "no worker has answered for 300 s: timed out"),
    ],
)
def test_it_is_told_once_and_taken_back_when_the_worker_is_well(worker: Seen, why: str) -> None:
    world = task(worker)
    (told,) = of(Verdict, world.steps(LONG))
    assert told.why is not None
    assert told.why.startswith(why)
    assert said(world) == [f"told unhealthy: {told.why}"]
    world.workers = (RUNNING,)
    assert of(Verdict, world.steps(20)) == [Verdict(None)]
    assert said(world)[1:] == ["told unhealthy no more"]
    world.workers = (worker,)
    assert len(of(Verdict, world.steps(LONG))) == 1
    assert len(said(world)) == 3


def test_a_worker_that_only_a_new_start_mends_is_replaced_whatever_it_runs() -> None:
    ill = replace(
        RUNNING, busy=1, leased=1, stuck=True, ailments=("the event loop has not turned for 70 s",)
    )
    world = task(ill)
    (told,) = of(Verdict, world.steps(int(STUCK_SECONDS) + 20))
    assert told.why is not None
    assert told.why.startswith("worker 7 is stuck for 60 s: the event loop has not turned for 70 s")
    # An instance has systemd's watchdog for it, and stays.
    world = task(ill, place=PLACE)
    assert not of(Verdict, world.steps(LONG))
    assert not of(Condemn, world.steps(1))
    # One that is well again in time has nothing said of it.
    world = task(ill)
    assert not of(Verdict, world.steps(int(STUCK_SECONDS) - 10))
    world.workers = (RUNNING,)
    world.steps(2)
    world.workers = (ill,)
    assert not of(Verdict, world.steps(int(STUCK_SECONDS) - 10))


def test_a_running_task_is_waited_for_while_its_lease_is_kept() -> None:
    world = task(replace(DEAF, busy=1, leased=1))
    assert not of(Verdict, world.steps(3 * LONG))
    # Once another worker may have its message it is no reason any more, nor when it has ended.
    for worker in (replace(DEAF, busy=1), DEAF):
        world = task(replace(DEAF, busy=1, leased=1))
        world.steps(LONG)
        world.workers = (worker,)
        assert len(of(Verdict, world.steps(2))) == 1


@pytest.mark.parametrize(
    "worker",
    [
        replace(RUNNING, busy=4, leased=4, last_poll_age=9999.0),
        replace(DEAF, last_poll_error_age=3.0),
        replace(RUNNING, phase="draining"),
    ],
)
def test_the_busy_the_draining_and_who_shares_its_trouble_are_left_alone(worker: Seen) -> None:
    assert not of(Verdict, task(worker).steps(LONG))


def test_a_held_node_is_left_alone() -> None:
    world = task(DEAF)
    world.held = "at work on it"
    assert not of(Verdict, world.steps(LONG))
    world.held = None
    assert len(of(Verdict, world.steps(2))) == 1


def test_what_is_being_stopped_is_not_judged_nor_taken_back() -> None:
    world = Stopped()
    world.workers = (HUNG,)
    assert not of(Verdict, world.steps(LONG))
    world = Stopped()
    world.ending, world.workers = False, (HUNG,)
    assert of(Verdict, world.steps(LONG))
    world.ending, world.workers = True, (replace(RUNNING, phase="draining"),)
    assert not of(Verdict, world.steps(LONG))


def test_what_could_not_be_written_is_tried_again() -> None:
    world = task(DEAF)
    world.broken[Verdict] = "no room"
    assert len(of(Verdict, world.steps(LONG))) > 5
    assert not said(world)
    assert "verdict: no room" in world.said
    del world.broken[Verdict]
    assert len(of(Verdict, world.steps(20))) == 1
    assert len(said(world)) == 1


@pytest.mark.parametrize(("place", "calls"), [(PLACE, True), (Place("box", Kind.GIVEN), False)])
def test_nobody_else_leaves_a_file(place: Place, calls: bool) -> None:
    actions: list[Action] = task(DEAF, place=place).steps(LONG)
    assert not of(Verdict, actions)
    assert bool(of(Condemn, actions)) == calls


def test_an_agent_that_begins_anew_takes_back_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_RUNTIME_DIR", str(tmp_path))
    assert verdict.reason() is None
    verdict.take_back()
    verdict.leave("its worker\nis deaf")
    (path,) = tmp_path.iterdir()
    assert (path.name, path.read_text()) == ("condemned", "its worker is deaf\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    memory = Keeper("media-video").recall()
    assert memory.verdict == verdict.reason() == "its worker is deaf"
    world = World(RUNNING, memory=memory)
    world.place = None  # which it asks for first
    assert of(Verdict, world.steps(3)) == [Verdict(None)]
    verdict.take_back()
    assert verdict.reason() is None


def test_a_task_counts_while_nobody_else_may_have_its_message() -> None:
    common = {"task": "t", "id": "i", "age_seconds": 1.0, "waited_seconds": 0.0, "receives": 1}
    status = {
        "ok": True,
        "phase": "running",
        "slots": 4,
        "busy": 3,
        "held": 3,
        "holding": [],
        "open_polls": 1,
        "unacknowledged": 0,
        "last_poll_age_seconds": 1.0,
        "tasks": [{**common, "lease_lost": False}, {**common, "lease_lost": True}, common],
    }
    assert seen(7, status).leased == 2


def test_the_template_looks_for_the_file_in_the_folder_that_both_share() -> None:
    task = template("queue-ecs")["Resources"]["NodeTask"]["Properties"]
    worker, agent = task["ContainerDefinitions"]
    assert worker["Essential"] is True
    check = worker["HealthCheck"]
    assert check["Command"] == ["CMD-SHELL", f'test ! -e "$FLEET_RUNTIME_DIR/{verdict.FILE}"']
    assert "HealthCheck" not in agent
    for each in (worker, agent):
        folders = {one["Name"]: one["Value"] for one in each["Environment"]}
        assert folders["FLEET_RUNTIME_DIR"] == "/run/fleet"
        mounts = {one["ContainerPath"]: one["SourceVolume"] for one in each["MountPoints"]}
        assert mounts["/run/fleet"] == "run"
    # A deployment counts a task that is healthy: its worker has lived for as long.
    assert check["Interval"] >= 30
    assert check["Retries"] > 1
    assert "StartPeriod" not in check
