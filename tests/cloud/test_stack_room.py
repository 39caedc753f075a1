"""A maximum lowered below what runs, and shares on demand: AWS ends no node for it unannounced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_shop import Shop, finished, shop_alone

# A dozen commands, over a shared stack of forty resources.
pytestmark = pytest.mark.timeout(600)

GROUP = "room-mail"
NOTE = (
    "room-mail: 3 nodes run, and nodes.max is 1: its MaxSize is 3 for now, since below that Auto "
    "Scaling would end nodes, busy ones too: the engine brings them down as they get idle: run "
    "ops stack apply again then"
)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_alone(tmp_path_factory.mktemp("room"), "room") as shop:
        write(shop, 5)
        shop.ok("stack", "apply", "--yes")
        yield shop


@pytest.fixture
def shop(applied: Shop) -> Iterator[Shop]:
    """Three nodes run of five."""
    write(applied, 5)
    applied.ok("stack", "apply", "mail", "--yes")
    api = applied.client("autoscaling")
    # Nothing boots here that would answer them.
    for hook in api.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)["LifecycleHooks"]:
        name = hook["LifecycleHookName"]
        api.delete_lifecycle_hook(AutoScalingGroupName=GROUP, LifecycleHookName=name)
    desire(applied, 3)
    yield applied
    admin(applied.url, "faults", "DELETE")


def write(shop: Shop, most: int, more: str = "") -> None:
    shop.write({"mail": f"nodes.max = {most}\n{more}"})


def group(shop: Shop) -> dict[str, Any]:
    """The group as Auto Scaling has it."""
    api = shop.client("autoscaling")
    (found,) = api.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    whole: dict[str, Any] = found
    return whole


def running(shop: Shop) -> list[str]:
    """The instances that work."""
    found = group(shop)["Instances"]
    return sorted(one["InstanceId"] for one in found if one["LifecycleState"] == "InService")


def desire(shop: Shop, nodes: int) -> None:
    """Have so many nodes run."""
    shop.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=GROUP, DesiredCapacity=nodes
    )
    until(lambda: len(running(shop)) == nodes or None, f"{nodes} nodes")


def test_a_maximum_below_what_runs_ends_nothing(shop: Shop) -> None:
    before = running(shop)
    write(shop, 1)
    ran = shop.run("stack", "plan", "mail")
    assert ran.returncode == 3
    assert NOTE in ran.stderr.splitlines()
    assert json.loads(shop.run("stack", "plan", "mail", "--json").stdout)["notes"] == [NOTE]

    ran = shop.ok("stack", "apply", "mail", "--yes", "--json")
    assert NOTE in ran.stderr.splitlines()
    found = group(shop)
    assert (found["MaxSize"], found["DesiredCapacity"]) == (3, 3)
    assert running(shop) == before
    ran = shop.ok("stack", "plan", "mail")
    assert NOTE in ran.stderr.splitlines()

    for node in before[1:]:  # as the engine ends them
        shop.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=node, ShouldDecrementDesiredCapacity=True
        )
    ran = shop.ok("stack", "apply", "mail", "--yes")
    assert "its MaxSize is" not in ran.stderr
    found = group(shop)
    assert (found["MaxSize"], found["DesiredCapacity"]) == (1, 1)
    assert running(shop) == before[:1]


def test_drift_put_back_ends_nothing_either(shop: Shop) -> None:
    before = running(shop)
    write(shop, 1)
    shop.ok("stack", "apply", "mail", "--revert-drift", "--yes")
    assert (group(shop)["MaxSize"], running(shop)) == (3, before)


def test_what_is_launched_after_the_plan_is_not_ended(shop: Shop) -> None:
    write(shop, 1)
    shop.fault(service="cloudformation", operation="DescribeChangeSet", delay_seconds=20.0, times=1)
    process = shop.process("stack", "apply", "mail", "--yes")
    until(lambda: shop.proposed() or None, "the plan")
    desire(shop, 5)
    admin(shop.url, "faults", "DELETE")
    ran = finished(process)
    assert ran.returncode == 1
    assert (
        "room-mail: expected at most 3 nodes, as the plan has it, found 5 by now: nothing was "
        "changed, since Auto Scaling would end some, busy ones too: run it again"
    ) in ran.stderr
    assert (group(shop)["MaxSize"], len(running(shop))) == (5, 5)
    assert shop.proposed() == []


def test_what_is_replaced_to_be_on_demand_is_told(shop: Shop) -> None:
    write(shop, 5, "nodes.on_demand_percent = 50")
    ran = shop.run("stack", "plan", "mail")
    assert (
        "room-mail: nodes.on_demand_percent 0 -> 50: Auto Scaling may replace nodes that run, busy "
        "ones too, until as many are on demand: apply it while the queue is quiet"
    ) in ran.stderr.splitlines()
    desire(shop, 0)
    assert "Auto Scaling may" not in shop.run("stack", "plan", "mail").stderr
