"""Clusters, services and task definitions of ECS."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, only, without

_CLUSTER_ABSENT: Final = "ClusterNotFoundException"
#: How long a service is waited for; CloudFormation waits for three hours.
_STEADY_SECONDS: Final = 900.0


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
        """Create it, with one task unless told otherwise, and wait until its tasks run."""
        parameters = {"ServiceName": at.name(255), "DesiredCount": 1, **wanted}
        made = at.call("ecs", "CreateService", parameters)
        physical = str(made["service"]["serviceArn"])
        _steady(at, physical, wanted)
        return physical

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs; its count only if the template changed it, since scaling sets it.

        Another capacity provider strategy deploys none by itself (API Reference, UpdateService);
        CloudFormation has the service deployed anew.
        """
        same = {name for name in wanted if before.get(name) == wanted[name]}
        fixed = {"Cluster", "LaunchType", "ServiceName", "Tags"}
        parameters = {
            **without(wanted, *same, *fixed),
            "cluster": wanted["Cluster"],
            "service": physical,
            "forceNewDeployment": "CapacityProviderStrategy" not in same,
        }
        at.call("ecs", "UpdateService", parameters)
        _retag(at, physical, before, wanted)
        _steady(at, physical, wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it, and wait until its tasks have ended."""
        if self.read(at, physical, had) is not None:
            parameters = {**only(had, "Cluster"), "service": physical, "force": True}
            at.call("ecs", "DeleteService", parameters)
            at.until(
                f"{physical}: the end of its tasks",
                lambda: _service(at, physical, had).get("status") == "INACTIVE",
                _STEADY_SECONDS,
            )

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it as far as ECS shows it; its count is the scaling's to set."""
        shown = _service(at, physical, had)
        if shown.get("status") != "ACTIVE":
            return None
        as_named = {f"{name[0].upper()}{name[1:]}": value for name, value in shown.items()}
        settings = without(as_named, "Cluster", "DesiredCount", "Tags", "DeploymentConfiguration")
        return {**had, **only(settings, *had)}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and name."""
        return {"ServiceArn": physical, "Name": physical.rpartition("/")[2]}

    def imported(self, identifier: Properties) -> str:
        """Return its ARN."""
        return str(identifier["ServiceArn"])


def _service(at: Place, physical: str, had: Properties) -> dict[str, Any]:
    """Return what ECS shows of a service; nothing where it knows none."""
    parameters = {**only(had, "Cluster"), "services": [physical]}
    found = at.found("ecs", "DescribeServices", parameters, _CLUSTER_ABSENT) or {}
    shown: list[dict[str, Any]] = found.get("services", [])
    return shown[0] if shown else {"status": "INACTIVE"}


def _steady(at: Place, physical: str, had: Properties) -> None:
    """Wait until a service has as many tasks as it desires, all of its last deployment."""

    def steady() -> bool:
        shown = _service(at, physical, had)
        counts = shown.get("desiredCount"), shown.get("runningCount")
        return len(set(counts)) == 1 and len(shown.get("deployments", ())) <= 1

    at.until(f"{physical}: its tasks", steady, _STEADY_SECONDS)


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
