"""Warm pools of the local AWS: instances that are prepared, wait stopped, and begin from there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.machines import JOIN, LEAVE, Fleet, machines, refused, until

#: A first start, and what is started at each.
SCRIPT = """#!/bin/sh
mkdir -p "$FLEET_ROOT/etc/systemd/system"
cat > "$FLEET_ROOT/etc/systemd/system/each.service" <<UNIT
[Service]
Type=exec
ExecStart=/bin/sh -c "date >> $FLEET_ROOT/again; mkdir $FLEET_ROOT/run/each; exec sleep 600"
UNIT
systemctl enable each
date >> "$FLEET_ROOT/first"
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with machines(tmp_path_factory.mktemp("pools"), "--short-hooks") as fleet:
        yield fleet


def make(fleet: Fleet, name: str, *, script: str = SCRIPT, **wanted: Any) -> None:
    fleet.template(name, script)
    fleet.group(name, **{"DesiredCapacity": 0, **wanted})


def put(fleet: Fleet, group: str, **wanted: Any) -> None:
    fleet.client("autoscaling").put_warm_pool(AutoScalingGroupName=group, **wanted)


def desire(fleet: Fleet, group: str, desired: int) -> None:
    fleet.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=group, DesiredCapacity=desired
    )


def pool(fleet: Fleet, group: str) -> dict[str, str]:
    found = fleet.client("autoscaling").describe_warm_pool(AutoScalingGroupName=group)
    return {each["InstanceId"]: each["LifecycleState"] for each in found["Instances"]}


def waiting(fleet: Fleet, group: str, count: int, state: str = "Warmed:Stopped") -> list[str]:
    """Return the ids of a pool once it has so many instances, all in this state."""
    found = until(
        f"{count} of {group} {state}",
        lambda: (
            [states]
            if len(states := pool(fleet, group)) == count and set(states.values()) <= {state}
            else None
        ),
    )
    return list(found[0])


def in_ec2(fleet: Fleet, instance: str) -> str:
    found = fleet.client("ec2").describe_instances(InstanceIds=[instance])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def lines(fleet: Fleet, instance: str, name: str) -> int:
    path = fleet.node(instance) / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def starts(fleet: Fleet, instance: str, count: int) -> bool:
    """Whether an instance was started so often after its first start."""
    return lines(fleet, instance, "again") == count


def test_an_instance_is_prepared_waits_and_begins_from_there(fleet: Fleet) -> None:
    hear = fleet.hear("prepared")
    make(fleet, "prepared", hooks={JOIN: (300, "ABANDON"), LEAVE: (300, "CONTINUE")})
    put(fleet, "prepared", MinSize=1, MaxGroupPreparedCapacity=1)
    (id,) = waiting(fleet, "prepared", 1, "Warmed:Pending:Wait")
    assert fleet.facts(id)["target_lifecycle_state"] == "Warmed:Stopped"
    until("its first start", lambda: lines(fleet, id, "first"))
    fleet.complete("prepared", JOIN, id)
    waiting(fleet, "prepared", 1)
    assert in_ec2(fleet, id) == "stopped"
    group = fleet.described("prepared")
    assert (group["Instances"], group["WarmPoolSize"]) == ([], 1)
    assert group["WarmPoolConfiguration"]["PoolState"] == "Stopped"
    assert refused(lambda: fleet.admin(id, {"spot_action": {}})) == 400

    desire(fleet, "prepared", 1)
    assert fleet.in_state("prepared", "Pending:Wait") == id
    assert fleet.facts(id)["target_lifecycle_state"] == "InService"
    until("what each start starts", lambda: lines(fleet, id, "again"))
    fleet.complete("prepared", JOIN, id)
    assert fleet.serving("prepared", 1) == [id]
    assert in_ec2(fleet, id) == "running"
    assert lines(fleet, id, "first") == 1
    # The pool is kept at its size by another one, while the first serves.
    (next_,) = waiting(fleet, "prepared", 1, "Warmed:Pending:Wait")
    assert next_ != id

    desire(fleet, "prepared", 0)
    assert fleet.in_state("prepared", "Terminating:Wait") == id
    fleet.complete("prepared", LEAVE, id)
    fleet.serving("prepared", 0)
    ways = [
        (kind.split()[1].removeprefix("Instance-"), detail["Origin"], detail["Destination"])
        for kind, detail in hear()
        if kind.endswith("Lifecycle Action") and detail["EC2InstanceId"] == id
    ]
    assert ways == [
        ("launch", "EC2", "WarmPool"),
        ("launch", "WarmPool", "AutoScalingGroup"),
        ("terminate", "AutoScalingGroup", "EC2"),
    ]
    states = [detail["state"] for _, detail in hear() if detail.get("instance-id") == id]
    assert states[:5] == ["pending", "running", "stopping", "stopped", "pending"]
    fleet.empty("prepared")


def test_what_leaves_service_returns_to_the_pool_where_it_is_reused(fleet: Fleet) -> None:
    make(fleet, "reused", script="#!/bin/sh\n", MaxSize=1, hooks={LEAVE: (300, "CONTINUE")})
    put(fleet, "reused", InstanceReusePolicy={"ReuseOnScaleIn": True})
    (id,) = waiting(fleet, "reused", 1)
    for _ in range(2):
        desire(fleet, "reused", 1)
        assert fleet.serving("reused", 1) == [id]
        assert pool(fleet, "reused") == {}
        desire(fleet, "reused", 0)
        waiting(fleet, "reused", 1, "Warmed:Pending:Wait")
        assert fleet.facts(id)["target_lifecycle_state"] == "Warmed:Stopped"
        assert in_ec2(fleet, id) == "running"
        fleet.complete("reused", LEAVE, id)
        assert waiting(fleet, "reused", 1) == [id]
    fleet.empty("reused")


def test_a_pool_that_runs_is_not_stopped(fleet: Fleet) -> None:
    make(fleet, "runs")
    put(fleet, "runs", MinSize=1, MaxGroupPreparedCapacity=1, PoolState="Running")
    (id,) = waiting(fleet, "runs", 1, "Warmed:Running")
    pid = fleet.pid(id)
    assert fleet.facts(id)["target_lifecycle_state"] == "Warmed:Running"
    desire(fleet, "runs", 1)
    assert fleet.serving("runs", 1) == [id]
    assert (fleet.pid(id), in_ec2(fleet, id)) == (pid, "running")
    fleet.empty("runs")


def test_the_pool_is_as_large_as_what_lacks_to_the_most(fleet: Fleet) -> None:
    make(fleet, "sized", script="#!/bin/sh\n", MaxSize=3, DesiredCapacity=1)
    fleet.serving("sized", 1)
    put(fleet, "sized")
    waiting(fleet, "sized", 2)
    desire(fleet, "sized", 3)
    assert len(fleet.serving("sized", 3)) == 3
    assert pool(fleet, "sized") == {}
    # Without reuse what was in service ends, and others are prepared.
    before = set(fleet.states("sized"))
    desire(fleet, "sized", 1)
    fleet.serving("sized", 1)
    assert not set(waiting(fleet, "sized", 2)) & before
    put(fleet, "sized", MinSize=1, MaxGroupPreparedCapacity=1)
    waiting(fleet, "sized", 1)
    fleet.empty("sized")


def test_one_that_dies_on_its_way_into_the_pool_is_replaced(fleet: Fleet) -> None:
    make(fleet, "dies", script="#!/bin/sh\n", hooks={JOIN: (300, "ABANDON")})
    put(fleet, "dies", MinSize=1, MaxGroupPreparedCapacity=1)
    (first,) = waiting(fleet, "dies", 1, "Warmed:Pending:Wait")
    until("its machine", lambda: in_ec2(fleet, first) == "running")
    fleet.admin(first, {"kill": True})
    until("another", lambda: first not in pool(fleet, "dies"))
    (second,) = waiting(fleet, "dies", 1, "Warmed:Pending:Wait")
    # One that gives up in its hook is, too.
    fleet.complete("dies", JOIN, second, "ABANDON")
    until("a third", lambda: pool(fleet, "dies") and second not in pool(fleet, "dies"))
    fleet.empty("dies")


@pytest.mark.parametrize("force", [False, True])
def test_a_pool_that_is_deleted_ends_its_instances(fleet: Fleet, force: bool) -> None:
    name, scaling = f"deleted-{force}", fleet.client("autoscaling")
    group = {"AutoScalingGroupName": name}
    make(fleet, name, script="#!/bin/sh\n", hooks={LEAVE: (300, "CONTINUE")})
    put(fleet, name, MinSize=1, MaxGroupPreparedCapacity=1)
    (id,) = waiting(fleet, name, 1)
    scaling.delete_warm_pool(**group, ForceDelete=force)
    if not force:
        assert pool(fleet, name) == {id: "Warmed:Terminating:Wait"}
        status = scaling.describe_warm_pool(**group)["WarmPoolConfiguration"]["Status"]
        assert status == "PendingDelete"
        fleet.complete(name, LEAVE, id)
    until("its end", (fleet.node(id) / "ended.json").exists)
    until("no pool", lambda: "WarmPoolConfiguration" not in scaling.describe_warm_pool(**group))
    assert in_ec2(fleet, id) == "terminated"
    with pytest.raises(ClientError, match="No warm pool found"):
        scaling.delete_warm_pool(**group)
    fleet.empty(name)


def test_what_cannot_be_a_pool_is_refused(fleet: Fleet) -> None:
    make(fleet, "refused")
    for wanted, why in (
        ({"PoolState": "Hibernated"}, "do not hibernate"),
        ({"PoolState": "Asleep"}, "must be Stopped"),
        ({"AutoScalingGroupName": "none-such"}, "not found"),
    ):
        given = {"AutoScalingGroupName": "refused", **wanted}
        with pytest.raises(ClientError, match=f"ValidationError.*{why}"):
            fleet.client("autoscaling").put_warm_pool(**given)
    assert "WarmPoolSize" not in fleet.described("refused")


def test_a_launch_from_the_pool_takes_no_boot(tmp_path: Path) -> None:
    with machines(tmp_path, "--boot", "1") as fleet:

        def boots(instance: str) -> str:
            words = Path(f"/proc/{fleet.pid(instance)}/cmdline").read_text().split("\0")
            return words[words.index("--boot") + 1]

        make(fleet, "booted", hooks={JOIN: (300, "ABANDON")})
        put(fleet, "booted", MinSize=1, MaxGroupPreparedCapacity=1)
        (id,) = waiting(fleet, "booted", 1, "Warmed:Pending:Wait")
        until("its first start", lambda: lines(fleet, id, "first"))
        assert boots(id) == "1.0"
        fleet.complete("booted", JOIN, id)
        waiting(fleet, "booted", 1)
        desire(fleet, "booted", 1)
        until("its start", partial(starts, fleet, id, 1))
        assert boots(id) == "0.0"
