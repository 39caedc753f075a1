"""The local AWS refuses what Auto Scaling and ECS refuse, and tells on who decrements twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.cloud.scaling_account import Account
from tests.faulty import Faulty


def account_of(aws: str, *, ecs: bool = False) -> Account:
    account = Account(aws, Faulty(aws), ["a"], ecs=ecs)
    account.create(instances=3, minimum=1, maximum=5)
    return account


def test_bounds_and_instances_that_are_not_there_are_refused(aws: str) -> None:
    account = account_of(aws)
    scaling, group = account.client("autoscaling"), f"{account.name}-a"
    for desired, why in ((6, "above max value 5"), (0, "below min value 1")):
        with pytest.raises(ClientError, match=rf"ValidationError.*{why}"):
            scaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=desired)
    with pytest.raises(ClientError, match=r"ValidationError.*No managed instance found"):
        scaling.terminate_instance_in_auto_scaling_group(
            InstanceId="i-0123456789abcdef0", ShouldDecrementDesiredCapacity=True
        )
    assert account.group("a")["DesiredCapacity"] == 3


def test_a_decrement_that_is_sent_twice_is_seen(aws: str) -> None:
    account = account_of(aws)
    scaling = account.client("autoscaling")
    first, *_ = account.instances("a")
    for decrement, desired in ((True, 2), (False, 2), (True, 1)):
        scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=first, ShouldDecrementDesiredCapacity=decrement
        )
        assert account.group("a")["DesiredCapacity"] == desired
    with pytest.raises(ClientError, match="desiredSize equals minSize"):
        scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=first, ShouldDecrementDesiredCapacity=True
        )


def test_decrements_side_by_side_are_each_counted(aws: str) -> None:
    account = account_of(aws)
    scaling = account.client("autoscaling")
    scaling.set_desired_capacity(AutoScalingGroupName=f"{account.name}-a", DesiredCapacity=5)
    ids = account.instances("a")[:4]
    with ThreadPoolExecutor(4) as callers:
        list(
            callers.map(
                lambda id: scaling.terminate_instance_in_auto_scaling_group(
                    InstanceId=id, ShouldDecrementDesiredCapacity=True
                ),
                ids,
            )
        )
    assert account.group("a")["DesiredCapacity"] == 1
    assert len(account.instances("a")) == 1


def test_a_service_stops_what_is_not_protected_and_replaces_what_is_stopped(aws: str) -> None:
    account = account_of(aws, ecs=True)
    ecs, service = account.client("ecs"), f"{account.name}-a"
    first, _, third = account.instances("a")
    answer = ecs.update_task_protection(
        cluster=account.name, tasks=[first, "none-such"], protectionEnabled=True
    )
    assert [each["reason"] for each in answer["failures"]] == ["TASK_NOT_VALID"]
    ecs.update_service(cluster=account.name, service=service, desiredCount=2)
    assert account.instances("a") == [first, third]
    ecs.update_service(cluster=account.name, service=service, desiredCount=0)
    # It desires none, and keeps what is protected for as long as it is.
    assert account.instances("a") == [first]
    ecs.update_task_protection(cluster=account.name, tasks=[first], protectionEnabled=False)
    assert account.instances("a") == []
    ecs.update_service(cluster=account.name, service=service, desiredCount=1)
    (other,) = account.instances("a")
    ecs.stop_task(cluster=account.name, task=other)
    assert account.instances("a") != [other]
    assert account.service("a")["runningCount"] == 1
