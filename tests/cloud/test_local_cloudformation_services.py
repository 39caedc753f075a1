"""Services of ECS in stacks of the local AWS: what an update of theirs deploys anew."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud.local_stacks import Stacks, client, of


@pytest.fixture
def stacks(aws: str) -> Stacks:
    return Stacks(aws)


def test_other_capacity_is_deployed_and_the_rest_is_not(aws: str, stacks: Stacks) -> None:
    ecs = client(aws, "ecs")

    def deployment() -> str:
        (found,) = ecs.describe_services(cluster="rooms", services=["mail"])["services"]
        return str(found["deployments"][0]["id"])

    assert stacks.apply("service", template(spot=1), "CREATE") == "CREATE_COMPLETE"
    made = deployment()
    assert stacks.apply("service", template(spot=1, tag="a"), "UPDATE") == "UPDATE_COMPLETE"
    assert deployment() == made
    assert stacks.apply("service", template(spot=3), "UPDATE") == "UPDATE_COMPLETE"
    assert deployment() != made
    assert stacks.delete("service") == "DELETE_COMPLETE"


def template(*, spot: int, tag: str = "") -> dict[str, Any]:
    strategy = [
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 1},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": spot},
    ]
    worker = {"Name": "worker", "Image": "worker:1", "Memory": 64}
    definition = {"Family": "mail", "ContainerDefinitions": [worker]}
    service = {
        "ServiceName": "mail",
        "Cluster": {"Ref": "Cluster"},
        "TaskDefinition": {"Ref": "Definition"},
        "DesiredCount": 0,
        "CapacityProviderStrategy": strategy,
        "Tags": [{"Key": "app", "Value": tag}] if tag else [],
    }
    return of(
        Cluster={"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "rooms"}},
        Definition={"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        Service={"Type": "AWS::ECS::Service", "Properties": service},
    )
