"""What the local ECS starts and stops of a service, as tables; and which health checks it takes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ops.local.ecs.balance import Bounds, moves
from ops.local.ecs.checks import BadCheck, check_of
from ops.local.ecs.facts import CannotStart, facts_of
from ops.local.ecs.host.facts import Check
from ops.local.ecs.host.seen import HEALTHY, UNHEALTHY, UNKNOWN, Account, Seen
from ops.local.ecs.task import Task

LAUNCH_FIRST = Bounds(200, 100)
STOP_FIRST = Bounds(100, 50)
CHECK = {"command": ["CMD-SHELL", "true"]}
NOW = 1000.0


def task(id: str, *health: str, pending: bool = False, **containers: dict[str, Any]) -> Task:
    """A task of one container that is checked, or of these."""
    known = containers or {"worker": {"healthCheck": CHECK}}
    definition = SimpleNamespace(
        container_definitions=[{"name": name, **each} for name, each in known.items()]
    )
    seen = [Seen(name, "RUNNING", health=how) for name, how in zip(known, health, strict=True)]
    found = Task(id, SimpleNamespace(), definition, 1, "a", "", 0.0)
    found.account = Account(tuple(seen))
    found.started_at = None if pending else 1.0
    return found


def tasks(letters: str, first: int = 0) -> list[Task]:
    """Tasks that are healthy (h), unhealthy (u), not checked yet (n) or starting (p)."""
    kinds = {"h": HEALTHY, "u": UNHEALTHY, "n": UNKNOWN, "p": UNKNOWN}
    return [
        task(f"{number}{each}", kinds[each], pending=each == "p")
        for number, each in enumerate(letters, first)
    ]


def told(fresh: str, desired: int, bounds: Bounds, stale: str = "") -> tuple[int, int, str]:
    """How many are started, of these in others' place, and who stops."""
    old = tasks(stale, 5)
    found = moves(tasks(fresh), old, desired, bounds, NOW)
    stop = (*found.unhealthy, *found.surplus, *found.old)
    return found.start, found.replacing, " ".join(each.id for each in stop)


@pytest.mark.parametrize(
    ("fresh", "desired", "bounds", "found"),
    [
        ("hh", 2, LAUNCH_FIRST, (0, 0, "")),
        ("", 2, LAUNCH_FIRST, (2, 0, "")),
        ("hhh", 1, LAUNCH_FIRST, (0, 0, "0h 1h")),
        # Another is started, and comes to be healthy, before it stops.
        ("u", 1, LAUNCH_FIRST, (1, 1, "")),
        ("up", 1, LAUNCH_FIRST, (0, 0, "")),
        ("un", 1, LAUNCH_FIRST, (0, 0, "")),
        ("uh", 1, LAUNCH_FIRST, (0, 0, "0u")),
        # Each as soon as it can be.
        ("uuhhhp", 4, LAUNCH_FIRST, (0, 0, "0u")),
        # Another that is unhealthy as well: the older one stops.
        ("uu", 1, LAUNCH_FIRST, (0, 0, "0u")),
        # As many as the most allows.
        ("uuuu", 4, Bounds(150, 100), (2, 2, "")),
        ("uuuunn", 4, Bounds(150, 100), (0, 0, "")),
        # Where nothing may be started first one stops, as far as enough run on.
        ("uh", 2, STOP_FIRST, (0, 0, "0u")),
        ("uu", 2, STOP_FIRST, (0, 0, "0u")),
        ("uu", 2, Bounds(100, 100), (0, 0, "")),
        ("u", 2, STOP_FIRST, (1, 0, "")),
        ("up", 2, STOP_FIRST, (0, 0, "")),
        ("un", 2, STOP_FIRST, (0, 0, "")),
        # What is lowered meanwhile, and who is well again.
        ("uh", 2, LAUNCH_FIRST, (1, 1, "")),
        ("u", 0, LAUNCH_FIRST, (0, 0, "0u")),
        ("hn", 1, LAUNCH_FIRST, (0, 0, "0h")),
        ("uuh", 1, LAUNCH_FIRST, (0, 0, "0u 1u")),
    ],
)
def test_what_is_started_and_stopped(
    fresh: str, desired: int, bounds: Bounds, found: tuple[int, int, str]
) -> None:
    assert told(fresh, desired, bounds) == found


@pytest.mark.parametrize(("fresh", "stop"), [("hn", ""), ("hh", "5h 6h"), ("uh", "0u")])
def test_a_deployment_counts_what_is_healthy(fresh: str, stop: str) -> None:
    assert told(fresh, 2, LAUNCH_FIRST, stale="hh")[2] == stop


def test_protection_is_from_scale_in_and_deployments_alone() -> None:
    ill, well, old = tasks("uh") + tasks("h", 5)
    for each in (ill, well, old):
        each.protected_until = NOW + 60
    assert moves([ill, well], [old], 1, LAUNCH_FIRST, NOW).unhealthy == (ill,)
    found = moves([well, *tasks("h", 7)], [old], 1, LAUNCH_FIRST, NOW)
    assert [each.id for each in found.surplus] == ["7h"]
    assert found.old == ()


def test_bounds_are_as_ecs_has_them_where_nothing_is_said() -> None:
    assert Bounds.of(None) == Bounds.of({"deploymentCircuitBreaker": {}}) == LAUNCH_FIRST
    given = Bounds.of({"maximumPercent": 150, "minimumHealthyPercent": 50})
    assert (given.most(3), given.least(3)) == (4, 2)
    assert Bounds.of({"minimumHealthyPercent": 0}).least(3) == 0


ON, OFF, ASIDE = (
    {"healthCheck": CHECK},
    dict[str, Any](),
    {"healthCheck": CHECK, "essential": False},
)


@pytest.mark.parametrize(
    ("one", "other", "health", "healthy"),
    [
        ((ON, HEALTHY), (ON, HEALTHY), HEALTHY, True),
        ((ON, HEALTHY), (ON, UNKNOWN), UNKNOWN, False),
        ((ON, UNHEALTHY), (ON, UNKNOWN), UNHEALTHY, False),
        ((ON, HEALTHY), (ASIDE, UNHEALTHY), HEALTHY, True),
        # One that is not checked is counted all the same.
        ((ON, HEALTHY), (OFF, UNKNOWN), UNKNOWN, True),
        ((OFF, UNKNOWN), (ASIDE, UNHEALTHY), UNKNOWN, True),
    ],
)
def test_a_tasks_health_is_its_essential_containers(
    one: tuple[dict[str, Any], str], other: tuple[dict[str, Any], str], health: str, healthy: bool
) -> None:
    found = task("t", one[1], other[1], worker=one[0], agent=other[0])
    assert (found.health, found.healthy) == (health, healthy)


def test_a_check_is_as_ecs_has_it_where_nothing_is_said() -> None:
    assert check_of({"name": "worker"}) is None
    default = Check(("/bin/sh", "-c", "true"), 30.0, 5.0, 3, 0.0)
    assert check_of({"name": "worker", "healthCheck": CHECK}) == default
    given = {"command": ["CMD", "a", "b"], "interval": 5, "timeout": 60, "retries": 10}
    known = check_of({"name": "worker", "healthCheck": {**given, "startPeriod": 300}})
    assert known == replace(default, command=("a", "b"), interval_seconds=5.0, timeout_seconds=60.0,
                            retries=10, start_seconds=300.0)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"interval": 4}, "healthCheck.interval: expected 5 to 300, got 4"),
        ({"interval": 301}, "expected 5 to 300, got 301"),
        ({"timeout": 1}, "healthCheck.timeout: expected 2 to 60, got 1"),
        ({"retries": 0}, "healthCheck.retries: expected 1 to 10, got 0"),
        ({"retries": True}, "got True"),
        ({"startPeriod": "5"}, "healthCheck.startPeriod: expected 0 to 300, got '5'"),
        ({"startInterval": 5}, "expected command, interval, timeout, retries, startPeriod, got"),
        ({"command": []}, "healthCheck.command: expected CMD and a command's words"),
        ({"command": ["CMD"]}, "or CMD-SHELL and a line"),
        ({"command": ["CMD-SHELL", "a", "b"]}, "or CMD-SHELL and a line"),
        ({"command": ["curl", "-f"]}, "got \\['curl', '-f'\\]"),
    ],
)
def test_another_check_is_refused(given: dict[str, Any], says: str) -> None:
    of = {"name": "worker", "healthCheck": {**CHECK, **given}}
    with pytest.raises(BadCheck, match=f"worker: .*{says}"):
        check_of(of)
    definition = SimpleNamespace(
        family="f", revision=1, cpu="", memory="", container_definitions=[of]
    )
    service = SimpleNamespace(name="s", cluster_name="c", cluster_arn="a", region_name="r")
    with pytest.raises(CannotStart, match=says):
        facts_of(Task("t", service, definition, 1, "a", "", 0.0), "", "")
