"""Instances of the local AWS that are machines: started, kept, replaced, chosen and ended."""

from __future__ import annotations

import base64
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.cloud.machines import LEAVE, REGION, Fleet, machines, refused, until
from worker.children import gone


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with machines(tmp_path_factory.mktemp("instances"), "--short-hooks") as fleet:
        yield fleet


def test_an_instance_runs_its_user_data_as_its_role(fleet: Fleet) -> None:
    iam = fleet.client("iam")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="worker")
    fleet.template(
        "roles",
        "#!/bin/sh\necho ran > ran\n",
        IamInstanceProfile={"Name": "nodes"},
        MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
    )
    tag = {"Key": "fleet:queue", "Value": "q", "PropagateAtLaunch": True}
    fleet.group("roles", Tags=[tag])
    (id,) = fleet.serving("roles", 1)
    until("its user data", lambda: any(fleet.node(id).rglob("ran")))
    facts = fleet.facts(id)
    assert facts["role"] == "worker"
    assert facts["credentials"]["AccessKeyId"] == f"FLEETLOCAL.worker.{id}"
    assert facts["tags"]["fleet:queue"] == "q"
    assert facts["tags"]["aws:autoscaling:groupName"] == "roles"
    assert facts["endpoint"] == fleet.url
    answer = fleet.client("ec2").describe_instances(InstanceIds=[id])
    (shown,) = answer["Reservations"][0]["Instances"]
    assert shown["PrivateIpAddress"] == facts["private_ip"]
    assert facts["private_ip"].startswith("127.")
    assert shown["State"]["Name"] == "running"
    fleet.empty("roles")
    until("its end", (fleet.node(id) / "ended.json").exists)


def test_disks_and_their_tags_are_made_as_the_template_says(fleet: Fleet) -> None:
    disk = {"VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    fleet.template(
        "disks",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": disk}],
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}],
        Monitoring={"Enabled": False},
    )
    fleet.group("disks", DesiredCapacity=0)
    scaling = fleet.client("autoscaling")
    scaling.set_desired_capacity(AutoScalingGroupName="disks", DesiredCapacity=1)
    (id,) = fleet.serving("disks", 1)
    answer = fleet.client("ec2").describe_instances(InstanceIds=[id])
    (shown,) = answer["Reservations"][0]["Instances"]
    assert "/dev/xvda" in [each["DeviceName"] for each in shown["BlockDeviceMappings"]]
    fleet.empty("disks")


def test_tags_are_shown_to_an_instance_that_may_see_them(fleet: Fleet) -> None:
    fleet.template("hidden")
    fleet.group("hidden")
    (id,) = fleet.serving("hidden", 1)
    assert fleet.facts(id)["tags"] == {}
    fleet.empty("hidden")


def test_a_machine_that_dies_is_replaced(fleet: Fleet) -> None:
    fleet.template("dies")
    fleet.group("dies")
    (first,) = fleet.serving("dies", 1)
    pid = fleet.pid(first)
    os.killpg(pid, signal.SIGKILL)
    until("its replacement", lambda: set(fleet.states("dies")) - {first})
    (second,) = fleet.serving("dies", 1)
    assert gone(pid)
    causes = [each["Cause"] for each in fleet.activities("dies") if first in each["Description"]]
    assert "EC2 health check" in causes[0]
    fleet.admin(second, {"kill": True})
    until("another", lambda: set(fleet.states("dies")) - {first, second})
    fleet.empty("dies")


def test_the_word_of_an_unhealthy_node_counts_after_its_grace_period(fleet: Fleet) -> None:
    scaling = fleet.client("autoscaling")
    fleet.template("health")
    fleet.group("health", HealthCheckGracePeriod=600, hooks={LEAVE: (300, "CONTINUE")})
    (id,) = fleet.serving("health", 1)
    scaling.set_instance_health(InstanceId=id, HealthStatus="Unhealthy")
    assert fleet.states("health") == {id: "InService"}
    scaling.suspend_processes(AutoScalingGroupName="health", ScalingProcesses=["ReplaceUnhealthy"])
    unhealthy = {"InstanceId": id, "HealthStatus": "Unhealthy", "ShouldRespectGracePeriod": False}
    scaling.set_instance_health(**unhealthy)
    (shown,) = fleet.instances("health")
    assert (shown["LifecycleState"], shown["HealthStatus"]) == ("InService", "Unhealthy")
    scaling.resume_processes(AutoScalingGroupName="health", ScalingProcesses=["ReplaceUnhealthy"])
    until("both", lambda: set(fleet.states("health").values()) == {"Terminating:Wait", "InService"})
    assert fleet.states("health")[id] == "Terminating:Wait"
    fleet.empty("health")


def test_bounds_are_kept_and_move_the_capacity(fleet: Fleet) -> None:
    scaling = fleet.client("autoscaling")
    fleet.template("bounds")
    with pytest.raises(ClientError, match="must be between the specified min size:0 and max"):
        fleet.group("bounds", DesiredCapacity=5, MaxSize=4)
    fleet.group("bounds", DesiredCapacity=1, MaxSize=4)
    group = {"AutoScalingGroupName": "bounds"}
    with pytest.raises(ClientError, match="above max value 4"):
        scaling.set_desired_capacity(**group, DesiredCapacity=5)
    scaling.update_auto_scaling_group(**group, MinSize=3)
    assert fleet.described("bounds")["DesiredCapacity"] == 3
    fleet.serving("bounds", 3)
    scaling.update_auto_scaling_group(**group, MinSize=0, MaxSize=1)
    assert fleet.described("bounds")["DesiredCapacity"] == 1
    fleet.serving("bounds", 1)
    with pytest.raises(ClientError, match="ResourceInUse"):
        scaling.delete_auto_scaling_group(**group)
    fleet.empty("bounds")
    until(
        "its end",
        lambda: (
            not scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["bounds"])[
                "AutoScalingGroups"
            ]
        ),
    )


def test_what_is_protected_stays_and_suspended_processes_do_nothing(fleet: Fleet) -> None:
    scaling = fleet.client("autoscaling")
    fleet.template("kept")
    fleet.group("kept", DesiredCapacity=3)
    ids = fleet.serving("kept", 3)
    group = {"AutoScalingGroupName": "kept"}
    scaling.set_instance_protection(**group, InstanceIds=ids[:1], ProtectedFromScaleIn=True)
    scaling.suspend_processes(**group, ScalingProcesses=["Terminate", "Launch"])
    scaling.set_desired_capacity(**group, DesiredCapacity=0)
    assert sorted(fleet.serving("kept", 3)) == sorted(ids)
    scaling.resume_processes(**group, ScalingProcesses=["Terminate"])
    assert fleet.serving("kept", 1) == ids[:1]
    scaling.set_desired_capacity(**group, DesiredCapacity=2)
    assert fleet.serving("kept", 1) == ids[:1]
    scaling.resume_processes(**group, ScalingProcesses=["Launch"])
    fleet.serving("kept", 2)
    fleet.empty("kept")


def test_a_mixed_group_spreads_over_zones_and_takes_spot_above_its_base(fleet: Fleet) -> None:
    fleet.template("mixed")
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateName": "mixed", "Version": "$Latest"},
            "Overrides": [{"InstanceType": "m6g.large"}, {"InstanceType": "m7g.large"}],
        },
        "InstancesDistribution": {
            "OnDemandBaseCapacity": 1,
            "OnDemandPercentageAboveBaseCapacity": 0,
        },
    }
    fleet.group("mixed", DesiredCapacity=4, MixedInstancesPolicy=policy)
    ids = fleet.serving("mixed", 4)
    facts = [fleet.facts(id) for id in ids]
    assert Counter(each["life_cycle"] for each in facts) == {"on-demand": 1, "spot": 3}
    zones = Counter(each["availability_zone"] for each in facts)
    assert zones == {f"{REGION}a": 2, f"{REGION}b": 2}
    assert {each["instance_type"] for each in facts} == {"m6g.large"}
    assert len({each["private_ip"] for each in facts}) == 4
    fleet.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="mixed", MinSize=1)
    kept = fleet.described("mixed")["MixedInstancesPolicy"]["InstancesDistribution"]
    assert kept["OnDemandBaseCapacity"] == 1
    fleet.empty("mixed")


def test_a_new_version_of_the_template_is_launched_and_the_old_leaves_first(fleet: Fleet) -> None:
    fleet.template("versions")
    fleet.group("versions", DesiredCapacity=2)
    old = fleet.serving("versions", 2)
    fleet.client("ec2").create_launch_template_version(
        LaunchTemplateName="versions",
        LaunchTemplateData={
            "ImageId": "ami-12c6146b",
            "InstanceType": "c7g.large",
            "UserData": base64.b64encode(b"#!/bin/sh\n").decode(),
        },
    )
    scaling = fleet.client("autoscaling")
    scaling.set_desired_capacity(AutoScalingGroupName="versions", DesiredCapacity=4)
    new = set(fleet.serving("versions", 4)) - set(old)
    assert {fleet.facts(id)["instance_type"] for id in new} == {"c7g.large"}
    scaling.set_desired_capacity(AutoScalingGroupName="versions", DesiredCapacity=2)
    assert set(fleet.serving("versions", 2)) == new
    fleet.empty("versions")


def test_what_cannot_be_launched_is_told_by_its_activity(fleet: Fleet) -> None:
    fleet.template("cannot", IamInstanceProfile={"Name": "none-such"})
    fleet.group("cannot")
    told = fleet.activities("cannot")[0]
    assert told["StatusCode"] == "Failed"
    assert told["StatusMessage"] == "Invalid IAM Instance Profile: none-such"
    assert fleet.states("cannot") == {}
    fleet.empty("cannot")


def test_a_spot_instance_is_warned_and_taken(fleet: Fleet) -> None:
    hear = fleet.hear("spot")
    fleet.template("spot")
    fleet.group("spot")
    (id,) = fleet.serving("spot", 1)
    at = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fleet.admin(id, {"spot_action": {"action": "terminate", "time": at}})
    assert fleet.facts(id)["spot_action"] == {"action": "terminate", "time": at}
    warning = (
        "EC2 Spot Instance Interruption Warning",
        {"instance-id": id, "instance-action": "terminate"},
    )
    until("the warning", lambda: warning in hear())
    until("another", lambda: set(fleet.states("spot")) - {id})
    until("its end", (fleet.node(id) / "ended.json").exists)
    fleet.empty("spot")


def test_a_group_that_rebalances_replaces_before_it_ends(fleet: Fleet) -> None:
    fleet.template("moves")
    fleet.group(
        "moves",
        DesiredCapacity=1,
        MaxSize=1,
        CapacityRebalance=True,
        hooks={LEAVE: (300, "CONTINUE")},
    )
    (id,) = fleet.serving("moves", 1)
    fleet.admin(id, {"rebalance": {"noticeTime": "2026-01-02T03:04:05Z"}})
    until("both", lambda: set(fleet.states("moves").values()) == {"Terminating:Wait", "InService"})
    assert fleet.states("moves")[id] == "Terminating:Wait"
    fleet.empty("moves")


def test_wrong_words_to_an_instance_are_refused(fleet: Fleet) -> None:
    fleet.template("words")
    fleet.group("words")
    (id,) = fleet.serving("words", 1)
    assert refused(lambda: fleet.admin("i-none", {"kill": True})) == 404
    for wrong in ({}, {"kill": False}, {"spot_action": {"action": "terminate", "time": "soon"}}):
        assert refused(lambda wrong=wrong: fleet.admin(id, wrong)) == 400  # type: ignore[misc]
    fleet.empty("words")


def test_an_instance_that_ec2_terminates_is_replaced(fleet: Fleet) -> None:
    fleet.template("by-hand")
    fleet.group("by-hand")
    (id,) = fleet.serving("by-hand", 1)
    fleet.client("ec2").terminate_instances(InstanceIds=[id])
    until("another", lambda: set(fleet.states("by-hand")) - {id})
    until("its end", (fleet.node(id) / "ended.json").exists)
    fleet.empty("by-hand")


def test_changes_from_many_sides_at_once_leave_what_is_wanted(fleet: Fleet) -> None:
    fleet.template("busy")
    fleet.group("busy", DesiredCapacity=0, MaxSize=6)
    scaling = fleet.client("autoscaling")
    callers = [
        threading.Thread(
            target=scaling.set_desired_capacity,
            kwargs={"AutoScalingGroupName": "busy", "DesiredCapacity": desired % 4},
        )
        for desired in range(16)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    scaling.set_desired_capacity(AutoScalingGroupName="busy", DesiredCapacity=2)
    fleet.serving("busy", 2)
    fleet.empty("busy")


def test_no_machine_outlives_the_local_aws(tmp_path_factory: pytest.TempPathFactory) -> None:
    with machines(tmp_path_factory.mktemp("outlives")) as fleet:
        fleet.template("orphans")
        fleet.group("orphans", DesiredCapacity=2)
        pids = [fleet.pid(id) for id in fleet.serving("orphans", 2)]
    until("the end of both", lambda: all(gone(pid) for pid in pids))
