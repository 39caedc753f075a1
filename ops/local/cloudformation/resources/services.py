"""Clusters, services and task definitions of ECS."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, only, without

_CLUSTER_ABSENT: Final = "ClusterNotFoundException"


class Cluster(Resource):
    """AWS::ECS::Cluster; its physical id is its name."""

    kind = "AWS::ECS::Cluster"
    handled = frozenset(
        {
            "CapacityProviders",
            "ClusterName",
            "ClusterSettings",
            "DefaultCapacityProviderStrategy",
            "Tags",
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("ClusterName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("ClusterName", at.name(255)))
        at.call("ecs", "CreateCluster", _cluster({**wanted, "ClusterName": name}))
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set its settings and tags."""
        settings = {"cluster": physical, "settings": wanted.get("ClusterSettings", [])}
        at.call("ecs", "UpdateCluster", settings)
        _retag(at, at.arn("ecs", f"cluster/{physical}"), before, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("ecs", "DeleteCluster", {"cluster": physical}, _CLUSTER_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return what was set, if it is there."""
        found = at.call("ecs", "DescribeClusters", {"clusters": [physical]})
        there = any(each["status"] == "ACTIVE" for each in found["clusters"])
        return dict(had) if there else None

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("ecs", f"cluster/{physical}")}


class TaskDefinition(Resource):
    """AWS::ECS::TaskDefinition; its physical id is its ARN. All but its tags replaces it."""

    kind = "AWS::ECS::TaskDefinition"
    handled = frozenset(
        {
            "ContainerDefinitions",
            "Cpu",
            "ExecutionRoleArn",
            "Family",
            "Memory",
            "NetworkMode",
            "RequiresCompatibilities",
            "RuntimePlatform",
            "Tags",
            "TaskRoleArn",
            "Volumes",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Register a revision."""
        parameters = {"Family": at.name(255), **wanted}
        made = at.call("ecs", "RegisterTaskDefinition", parameters)
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Exchange its tags."""
        _retag(at, physical, before, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Deregister the revision."""
        if self.read(at, physical, had) is not None:
            at.call("ecs", "DeregisterTaskDefinition", {"taskDefinition": physical})

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return what was registered, if it is active: a revision never changes."""
        parameters = {"taskDefinition": physical}
        found = at.found("ecs", "DescribeTaskDefinition", parameters, "ClientException")
        if found is None or found["taskDefinition"].get("status") == "INACTIVE":
            return None
        return dict(had)

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"TaskDefinitionArn": physical}


class Service(Resource):
    """AWS::ECS::Service; its physical id is its ARN."""

    kind = "AWS::ECS::Service"
    handled = frozenset(
        {
            "AvailabilityZoneRebalancing",
            "CapacityProviderStrategy",
            "Cluster",
            "DeploymentConfiguration",
            "DesiredCount",
            "EnableECSManagedTags",
            "EnableExecuteCommand",
            "LaunchType",
            "NetworkConfiguration",
            "PlatformVersion",
            "PropagateTags",
            "ServiceName",
            "Tags",
            "TaskDefinition",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it; with a strategy in place of a launch type, or with neither, as ECS takes."""
        parameters = {"ServiceName": at.name(255), **wanted}
        made = at.call("ecs", "CreateService", parameters)
        return str(made["service"]["serviceArn"])

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs; its count only if the template changed it, since scaling sets it."""
        same = {name for name in wanted if before.get(name) == wanted[name]}
        fixed = {"Cluster", "LaunchType", "ServiceName", "Tags"}
        parameters = {
            **without(wanted, *same, *fixed),
            "cluster": wanted["Cluster"],
            "service": physical,
        }
        at.call("ecs", "UpdateService", parameters)
        _retag(at, physical, before, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """End its tasks and delete it."""
        if self.read(at, physical, had) is not None:
            parameters = {**only(had, "Cluster"), "service": physical, "force": True}
            at.call("ecs", "DeleteService", parameters)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it as far as ECS shows it; its count is the scaling's to set."""
        parameters = {**only(had, "Cluster"), "services": [physical]}
        found = at.found("ecs", "DescribeServices", parameters, _CLUSTER_ABSENT)
        shown = [each for each in (found or {}).get("services", []) if each["status"] == "ACTIVE"]
        if not shown:
            return None
        as_named = {f"{name[0].upper()}{name[1:]}": value for name, value in shown[0].items()}
        settings = without(as_named, "Cluster", "DesiredCount", "Tags", "DeploymentConfiguration")
        return {**had, **only(settings, *had)}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and name."""
        return {"ServiceArn": physical, "Name": physical.rpartition("/")[2]}

    def imported(self, identifier: Properties) -> str:
        """Return its ARN."""
        return str(identifier["ServiceArn"])


def _cluster(wanted: Properties) -> dict[str, Any]:
    kept = without(wanted, "ClusterSettings")
    return {**kept, "settings": wanted.get("ClusterSettings", [])}


def _retag(at: Place, arn: str, before: Properties, wanted: Properties) -> None:
    old = {tag["Key"] for tag in before.get("Tags", [])}
    gone = sorted(old - {tag["Key"] for tag in wanted.get("Tags", [])})
    if gone:
        at.call("ecs", "UntagResource", {"resourceArn": arn, "tagKeys": gone})
    if wanted.get("Tags"):
        at.call("ecs", "TagResource", {"resourceArn": arn, "tags": wanted["Tags"]})


TYPES: Final = (Cluster(), TaskDefinition(), Service())
