"""Lifecycle hooks of the local AWS: waits, heartbeats, completions, timeouts, and their events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.cloud.machines import JOIN, LEAVE, Fleet, machines, until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with machines(tmp_path_factory.mktemp("hooks"), "--short-hooks") as fleet:
        yield fleet


def test_an_instance_waits_for_its_hooks_at_both_ends(fleet: Fleet) -> None:
    hear = fleet.hear("both")
    fleet.template("both")
    fleet.group("both", hooks={JOIN: (300, "ABANDON"), LEAVE: (300, "CONTINUE")})
    id = fleet.in_state("both", "Pending:Wait")
    assert fleet.facts(id)["target_lifecycle_state"] == "InService"
    fleet.complete("both", JOIN, id)
    assert fleet.serving("both", 1) == [id]
    fleet.client("autoscaling").set_desired_capacity(AutoScalingGroupName="both", DesiredCapacity=0)
    assert fleet.states("both") == {id: "Terminating:Wait"}
    assert fleet.facts(id)["target_lifecycle_state"] == "Terminated"
    assert fleet.pid(id) > 0
    token = until(
        "the event of the end",
        lambda: next(
            (
                detail["LifecycleActionToken"]
                for kind, detail in hear()
                if kind == "EC2 Instance-terminate Lifecycle Action"
            ),
            None,
        ),
    )
    fleet.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="both",
        LifecycleHookName=LEAVE,
        LifecycleActionToken=token,
        LifecycleActionResult="CONTINUE",
    )
    fleet.serving("both", 0)
    assert (fleet.node(id) / "ended.json").exists()
    kinds = until(
        "the last event",
        lambda: (
            found
            if (found := [(kind, detail.get("state")) for kind, detail in hear()])[-1][0]
            == "EC2 Instance Terminate Successful"
            else None
        ),
    )
    change = "EC2 Instance State-change Notification"
    assert kinds[:2] == [(change, "pending"), ("EC2 Instance-launch Lifecycle Action", None)]
    assert kinds[2:] == [
        (change, "running"),
        ("EC2 Instance Launch Successful", None),
        ("EC2 Instance-terminate Lifecycle Action", None),
        (change, "shutting-down"),
        (change, "terminated"),
        ("EC2 Instance Terminate Successful", None),
    ]
    ended, launched = fleet.activities("both")
    assert [ended["StatusCode"], launched["StatusCode"]] == ["Successful", "Successful"]
    assert ended["Description"] == f"Terminating EC2 instance: {id}"


def test_a_launch_that_nobody_completes_is_abandoned_and_tried_again(fleet: Fleet) -> None:
    fleet.template("late")
    fleet.group("late", hooks={JOIN: (1, "ABANDON")})
    first = fleet.in_state("late", "Pending:Wait")
    until("another instance", lambda: set(fleet.states("late")) - {first})
    cancelled = next(
        each
        for each in fleet.activities("late")
        if first in each["Description"] and each["Description"].startswith("Launching")
    )
    assert cancelled["StatusCode"] == "Cancelled"
    fleet.empty("late")


def test_heartbeats_hold_an_end_up_and_silence_lets_it_go_on(fleet: Fleet) -> None:
    fleet.template("beats")
    fleet.group("beats", hooks={LEAVE: (8, "CONTINUE")})
    (id,) = fleet.serving("beats", 1)
    scaling = fleet.client("autoscaling")
    scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=id, ShouldDecrementDesiredCapacity=True
    )
    begun = time.monotonic()
    while time.monotonic() - begun < 12:  # longer than one heartbeat lasts
        scaling.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="beats", LifecycleHookName=LEAVE, InstanceId=id
        )
        assert fleet.states("beats") == {id: "Terminating:Wait"}
        time.sleep(0.2)  # as a node would, only more often
    fleet.serving("beats", 0)
    with pytest.raises(ClientError, match="No active Lifecycle Action found with instance ID"):
        scaling.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="beats", LifecycleHookName=LEAVE, InstanceId=id
        )


def test_who_leaves_is_replaced_at_once_where_the_capacity_stays(fleet: Fleet) -> None:
    fleet.template("stays")
    fleet.group("stays", MaxSize=1, hooks={LEAVE: (300, "CONTINUE")})
    (id,) = fleet.serving("stays", 1)
    fleet.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=id, ShouldDecrementDesiredCapacity=False
    )
    until("both", lambda: set(fleet.states("stays").values()) == {"Terminating:Wait", "InService"})
    assert fleet.described("stays")["DesiredCapacity"] == 1
    fleet.complete("stays", LEAVE, id, "ABANDON")
    assert fleet.serving("stays", 1) != [id]
    fleet.empty("stays")


def test_hooks_are_checked_and_changed(fleet: Fleet) -> None:
    scaling = fleet.client("autoscaling")
    fleet.template("checked")
    fleet.group("checked", DesiredCapacity=0, hooks={LEAVE: (300, "CONTINUE")})
    hook = {"AutoScalingGroupName": "checked", "LifecycleHookName": LEAVE}
    (found,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName="checked")["LifecycleHooks"]
    assert (found["HeartbeatTimeout"], found["GlobalTimeout"]) == (300, 30_000)
    scaling.put_lifecycle_hook(**hook, HeartbeatTimeout=7200)
    (found,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName="checked")["LifecycleHooks"]
    assert (found["HeartbeatTimeout"], found["GlobalTimeout"]) == (7200, 172_800)
    assert (found["DefaultResult"], found["LifecycleTransition"][-11:]) == (
        "CONTINUE",
        "TERMINATING",
    )
    for wrong in (
        {"HeartbeatTimeout": 7201},
        {"DefaultResult": "PERHAPS"},
        {"LifecycleTransition": "autoscaling:EC2_INSTANCE_RESTING"},
    ):
        with pytest.raises(ClientError, match="ValidationError"):
            scaling.put_lifecycle_hook(**hook, **wrong)
    with pytest.raises(ClientError, match="not found"):
        scaling.put_lifecycle_hook(**{**hook, "AutoScalingGroupName": "none-such"})


def test_hooks_are_no_shorter_than_on_aws_unless_told(tmp_path: Path) -> None:
    with machines(tmp_path) as strict:
        strict.template("strict")
        with pytest.raises(ClientError, match="between 30 and 7200"):
            strict.group("strict", DesiredCapacity=0, hooks={LEAVE: (29, "CONTINUE")})
        strict.group("strict", DesiredCapacity=0, hooks={LEAVE: (30, "CONTINUE")})
