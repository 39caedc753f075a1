"""What AWS's answers mean: groups, their instances' states, services, and ages."""

from __future__ import annotations

from typing import Any

import pytest

from ops.scaling.model import Instance, Lifecycle, Node, Reading
from ops.scaling.sources import services
from ops.scaling.sources.groups import Groups, group_of, lifecycle_of
from ops.scaling.sources.services import Services

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("state", "lifecycle"),
    [
        ("InService", Lifecycle.IN_SERVICE),
        ("Pending", Lifecycle.PENDING),
        ("Pending:Wait", Lifecycle.PENDING),
        ("Pending:Proceed", Lifecycle.PENDING),
        ("ReplacingRootVolume:Wait", Lifecycle.PENDING),
        ("RootVolumeReplaced", Lifecycle.PENDING),
        ("Quarantined", Lifecycle.LEAVING),
        ("Terminating", Lifecycle.LEAVING),
        ("Terminating:Wait", Lifecycle.LEAVING),
        ("Terminating:Retained", Lifecycle.LEAVING),
        ("Terminated", Lifecycle.LEAVING),
        ("Detaching", Lifecycle.LEAVING),
        ("EnteringStandby", Lifecycle.LEAVING),
        ("Standby", Lifecycle.LEAVING),
        ("Warmed:Pending:Wait", Lifecycle.WARM),
        ("Warmed:Stopped", Lifecycle.WARM),
        ("Warmed:Running", Lifecycle.WARM),
        ("Warmed:Hibernated", Lifecycle.WARM),
        ("Warmed:Terminating:Proceed", Lifecycle.LEAVING),
        ("Warmed:Terminated", Lifecycle.LEAVING),
        ("SomethingNew", Lifecycle.LEAVING),
    ],
)
def test_every_state_of_an_instance_has_its_meaning(state: str, lifecycle: Lifecycle) -> None:
    assert lifecycle_of(state) is lifecycle


def described(**more: Any) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": "media-mail",
        "MinSize": 1,
        "MaxSize": 9,
        "DesiredCapacity": 2,
        "Instances": [],
        "Tags": [
            {"Key": "fleet:name", "Value": "media"},
            {"Key": "fleet:queue", "Value": "mail"},
        ],
        **more,
    }


def test_the_warm_pool_counts_with_those_whose_ids_are_told() -> None:
    warm = {"InstanceId": "i-1", "LifecycleState": "Warmed:Stopped", "HealthStatus": "Healthy"}
    group = group_of(described(WarmPoolSize=3, Instances=[warm]))
    assert [each.lifecycle for each in group.instances] == [Lifecycle.WARM] * 3
    assert len({each.id for each in group.instances}) == 3


def test_health_and_protection_are_told() -> None:
    sick = {
        "InstanceId": "i-1",
        "LifecycleState": "InService",
        "HealthStatus": "Unhealthy",
        "ProtectedFromScaleIn": True,
    }
    (instance,) = group_of(described(Instances=[sick])).instances
    assert instance == Instance("i-1", Lifecycle.IN_SERVICE, healthy=False, protected=True)


def test_what_aws_predicts_is_kept_ready_only_where_it_is_asked_for() -> None:
    assert group_of(described(PredictedCapacity=4)).minimum == 1
    assert group_of(described(PredictedCapacity=4), predicted=True).minimum == 4
    assert group_of(described(PredictedCapacity=12), predicted=True).minimum == 9


class Pages:
    """Answers DescribeAutoScalingGroups with what AWS might say."""

    def __init__(self, *groups: Any) -> None:
        self._groups = list(groups)

    def describe_auto_scaling_groups(self, **_: Any) -> Any:
        return {"AutoScalingGroups": self._groups}


@pytest.mark.parametrize(
    ("more", "trouble"),
    [
        ({"Status": "Delete in progress"}, "absent: media-mail: Delete in progress"),
        (
            {
                "Instances": [
                    {
                        "InstanceId": "i-1",
                        "LifecycleState": "InService",
                        "HealthStatus": "Healthy",
                        "WeightedCapacity": "4",
                    }
                ]
            },
            "malformed: media-mail: its capacity counts weights, and not instances: remove them",
        ),
        (
            {"Instances": [{"LifecycleState": "InService"}]},
            "malformed: autoscaling:DescribeAutoScalingGroups: 'InstanceId'",
        ),
    ],
)
def test_a_group_that_cannot_be_scaled_is_unknown_and_says_why(
    more: dict[str, Any], trouble: str
) -> None:
    client: Any = Pages(described(**more))
    groups = Groups(client, "media")
    groups.read()
    reading = groups.reading("mail", NOW, predicted=False)
    assert (reading.value, reading.trouble) == (None, trouble)


def test_before_every_page_is_read_a_missing_group_is_not_absent() -> None:
    client: Any = Pages()
    groups = Groups(client, "media")
    assert groups.reading("mail", NOW, predicted=False).trouble == "timed out"
    groups.read()
    assert groups.reading("mail", NOW, predicted=False).trouble.startswith("absent: ")


def node(id: str, said_ago: float = 5.0, **more: Any) -> Node:
    return Node(id=id, busy=0, slots=4, said_at=NOW - said_ago, **more)


def service(desired: int, running: int) -> dict[str, Any]:
    return {"serviceName": "media-mail", "desiredCount": desired, "runningCount": running}


def instances_of(nodes: list[Node], desired: int, running: int) -> dict[str, Lifecycle]:
    group = services.group_of(service(desired, running), nodes, NOW, maximum=9)
    return {each.id: each.lifecycle for each in group.instances}


def test_tasks_that_have_not_spoken_are_pending() -> None:
    assert instances_of([node("a")], desired=3, running=2) == {
        "a": Lifecycle.IN_SERVICE,
        "media-mail/pending/1": Lifecycle.PENDING,
        "media-mail/pending/2": Lifecycle.PENDING,
    }


def test_the_longest_silent_are_gone_where_fewer_tasks_run() -> None:
    nodes = [node("a"), node("b", 70), node("c", 700), node("d", 50)]
    assert set(instances_of(nodes, desired=3, running=3)) == {"a", "b", "d"}
    # As many as run are there, however silent: those are to be replaced.
    assert set(instances_of(nodes, desired=4, running=4)) == {"a", "b", "c", "d"}
    # Who has just spoken is there, whatever the counts of a moment ago.
    assert set(instances_of(nodes, desired=1, running=0)) == {"a", "d"}


def test_a_claimed_task_leaves_once_the_count_is_lower() -> None:
    nodes = [node("a"), node("b", claimed_at=NOW - 9), node("c", claimed_at=NOW - 5)]
    claimed = instances_of(nodes, desired=3, running=3)
    assert set(claimed.values()) == {Lifecycle.IN_SERVICE}
    lower = instances_of(nodes, desired=2, running=3)
    assert lower == {"a": Lifecycle.IN_SERVICE, "b": Lifecycle.LEAVING, "c": Lifecycle.IN_SERVICE}


def test_a_service_is_unknown_where_its_nodes_are() -> None:
    class Answers:
        def describe_services(self, **_: Any) -> Any:
            tags = [
                {"key": "fleet:name", "value": "media"},
                {"key": "fleet:queue", "value": "mail"},
            ]
            return {"services": [{**service(1, 1), "tags": tags, "status": "ACTIVE"}]}

    client: Any = Answers()
    found = Services(client, "media")
    found.read(["mail"])
    unknown: Reading[tuple[Node, ...]] = Reading(None, NOW, "registry", "throttled")
    reading = found.reading("mail", unknown, NOW, maximum=9)
    assert (reading.value, reading.trouble) == (None, "its nodes are unknown: throttled")
    known: Reading[tuple[Node, ...]] = Reading((node("a"),), NOW, "registry")
    assert found.reading("mail", known, NOW, maximum=9).value is not None
