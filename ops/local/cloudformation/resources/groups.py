"""Auto Scaling groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only, without
from ops.local.cloudformation.shapes import by_key

_SIZES: Final = ("MinSize", "MaxSize", "DesiredCapacity")
_SETTINGS: Final = (
    "CapacityRebalance",
    "Context",
    "DefaultInstanceWarmup",
    "DesiredCapacityType",
    "HealthCheckGracePeriod",
    "HealthCheckType",
    "LaunchTemplate",
    "MaxInstanceLifetime",
    "MixedInstancesPolicy",
    "NewInstancesProtectedFromScaleIn",
    "TerminationPolicies",
)
#: CloudFormation waits for the instances of a group, which may have hours of work to finish.
_GONE_SECONDS: Final = 6 * 3600.0


class Group(Resource):
    """AWS::AutoScaling::AutoScalingGroup; its physical id is its name."""

    kind = "AWS::AutoScaling::AutoScalingGroup"
    handled = frozenset(
        {
            "AutoScalingGroupName",
            "AvailabilityZones",
            "Cooldown",
            "LifecycleHookSpecificationList",
            "MetricsCollection",
            "Tags",
            "VPCZoneIdentifier",
            *_SIZES,
            *_SETTINGS,
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("AutoScalingGroupName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it; with hooks empty at first, since they are to hold its first instances."""
        name = str(wanted.get("AutoScalingGroupName", at.name(255)))
        group = {"AutoScalingGroupName": name}
        hooks = wanted.get("LifecycleHookSpecificationList", [])
        empty = {"MinSize": 0, "DesiredCapacity": 0} if hooks else {}
        parameters = {**group, **_parameters(wanted), **empty, "Tags": _tags(name, wanted)}
        at.call("autoscaling", "CreateAutoScalingGroup", parameters)
        self._hooks(at, name, {}, wanted)
        if hooks:
            # With what is launched: moto forgets it at an update that does not repeat it.
            filled = only(wanted, *_SIZES, "LaunchTemplate", "MixedInstancesPolicy")
            at.call("autoscaling", "UpdateAutoScalingGroup", {**group, **filled})
        self._metrics(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs; sizes as its UpdatePolicy says."""
        group = {"AutoScalingGroupName": physical}
        ignored = self.left_alone(at.policy)
        others = sorted(set(at.policy) - {"AutoScalingScheduledAction"})
        if others:
            raise Refused(f"UpdatePolicy.{others[0]} is not handled by the local AWS")
        kept = [n for n in ignored if before.get(n) == wanted.get(n)]
        parameters = without(_parameters(wanted), *kept)
        # Before its sizes, since they are to hold what is launched by them.
        self._hooks(at, physical, before, wanted)
        at.call("autoscaling", "UpdateAutoScalingGroup", {**group, **parameters})
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        named = {"ResourceId": physical, "ResourceType": "auto-scaling-group"}
        gone = [{**named, "Key": key} for key in sorted(set(old) - set(new))]
        if gone:
            at.call("autoscaling", "DeleteTags", {"Tags": gone})
        if changed(before, wanted, "Tags") and new:
            at.call("autoscaling", "CreateOrUpdateTags", {"Tags": _tags(physical, wanted)})
        self._metrics(at, physical, before, wanted)

    def left_alone(self, policy: Mapping[str, Any]) -> frozenset[str]:
        """Return its sizes, where the policy has those ignored that the template does not change.

        Whether a change set that compares with what is there ignores them too is not documented.
        """
        sizes = policy.get("AutoScalingScheduledAction", {})
        ignored = str(sizes.get("IgnoreUnmodifiedGroupSizeProperties", "")).lower() == "true"
        return frozenset(_SIZES) if ignored else frozenset()

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with its instances, and wait for their end."""
        group = {"AutoScalingGroupName": physical}
        if self._shown(at, physical) is not None:
            at.call("autoscaling", "DeleteAutoScalingGroup", {**group, "ForceDelete": True})
            gone = "the instances of the group to end"
            at.until(gone, lambda: self._shown(at, physical) is None, _GONE_SECONDS)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it; of its sizes the bounds alone, since scaling sets what is between them."""
        shown = self._shown(at, physical)
        if shown is None:
            return None
        subnets = [name for name in shown.get("VPCZoneIdentifier", "").split(",") if name]
        hooks = at.call("autoscaling", "DescribeLifecycleHooks", {"AutoScalingGroupName": physical})
        by_name = {hook["LifecycleHookName"]: hook for hook in hooks["LifecycleHooks"]}
        return {
            **had,
            **{name: shown.get(name) for name in _SETTINGS if name in had},
            **only(shown, "MinSize", "MaxSize"),
            "VPCZoneIdentifier": subnets,
            "AvailabilityZones": shown.get("AvailabilityZones", []),
            "Cooldown": shown.get("DefaultCooldown"),
            "MetricsCollection": had.get("MetricsCollection"),
            "LifecycleHookSpecificationList": [
                only(by_name[hook["LifecycleHookName"]], *hook)
                for hook in had.get("LifecycleHookSpecificationList", [])
                if hook["LifecycleHookName"] in by_name
            ],
            "Tags": [only(tag, "Key", "Value", "PropagateAtLaunch") for tag in shown["Tags"]],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        shown = self._shown(at, physical) or {}
        return {"AutoScalingGroupARN": shown.get("AutoScalingGroupARN", "")}

    def _shown(self, at: Place, physical: str) -> dict[str, Any] | None:
        parameters = {"AutoScalingGroupNames": [physical]}
        found = at.call("autoscaling", "DescribeAutoScalingGroups", parameters)
        groups = found["AutoScalingGroups"]
        return groups[0] if groups else None

    def _hooks(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        """Put the hooks that differ and delete those that are gone, as its type's handler may."""
        old, new = _hooks_of(before), _hooks_of(wanted)
        group = {"AutoScalingGroupName": name}
        for hook in new:
            if old.get(hook) != new[hook]:
                at.call("autoscaling", "PutLifecycleHook", {**group, **new[hook]})
        for hook in sorted(set(old) - set(new)):
            gone = {**group, "LifecycleHookName": hook}
            at.found("autoscaling", "DeleteLifecycleHook", gone, "ValidationError")

    def _metrics(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        if changed(before, wanted, "MetricsCollection"):
            for collection in wanted.get("MetricsCollection", []):
                parameters = {"AutoScalingGroupName": name, **collection}
                at.call("autoscaling", "EnableMetricsCollection", parameters)


def _parameters(wanted: Properties) -> dict[str, Any]:
    renamed = only(wanted, *_SIZES, *_SETTINGS, "AvailabilityZones")
    if "Cooldown" in wanted:
        renamed["DefaultCooldown"] = wanted["Cooldown"]
    if "VPCZoneIdentifier" in wanted:
        renamed["VPCZoneIdentifier"] = ",".join(wanted["VPCZoneIdentifier"])
    return renamed


def _hooks_of(properties: Properties) -> dict[str, Properties]:
    hooks = properties.get("LifecycleHookSpecificationList", [])
    return {hook["LifecycleHookName"]: hook for hook in hooks}


def _tags(name: str, wanted: Properties) -> list[dict[str, Any]]:
    # CloudFormation wants PropagateAtLaunch on each, and gives the stack's own tags True.
    owner = {"ResourceId": name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": True}
    return [{**owner, **tag} for tag in wanted.get("Tags", [])]


TYPES: Final = (Group(),)
