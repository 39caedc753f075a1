"""What belongs to an Auto Scaling group: hooks, policies, scheduled actions, warm pools."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, only


class _OfGroup(Resource):
    """What belongs to a group, by a name of its own."""

    put: str
    end: str
    named: str

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew."""
        at.call("autoscaling", self.put, {**wanted, self.named: self.own_name(physical)})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it; without its group it is gone already."""
        parameters = {**only(had, "AutoScalingGroupName"), self.named: self.own_name(physical)}
        at.found("autoscaling", self.end, parameters, "ValidationError")

    def own_name(self, physical: str) -> str:
        """Return its name within the group."""
        return physical

    def imported(self, identifier: Properties) -> str:
        """Return its name."""
        return str(identifier[self.named])


class Hook(_OfGroup):
    """AWS::AutoScaling::LifecycleHook; its physical id is its name."""

    kind = "AWS::AutoScaling::LifecycleHook"
    handled = frozenset(
        {
            "AutoScalingGroupName",
            "DefaultResult",
            "HeartbeatTimeout",
            "LifecycleHookName",
            "LifecycleTransition",
            "NotificationMetadata",
        }
    )
    put, end, named = "PutLifecycleHook", "DeleteLifecycleHook", "LifecycleHookName"

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it on its group."""
        name = str(wanted.get(self.named, at.name(255)))
        at.call("autoscaling", self.put, {**wanted, self.named: name})
        return name

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        parameters = {**only(had, "AutoScalingGroupName"), "LifecycleHookNames": [physical]}
        found = at.found("autoscaling", "DescribeLifecycleHooks", parameters, "ValidationError")
        hooks = (found or {}).get("LifecycleHooks", [])
        return only(hooks[0], *self.handled) if hooks else None


class ScalingPolicy(_OfGroup):
    """AWS::AutoScaling::ScalingPolicy; its physical id is its ARN."""

    kind = "AWS::AutoScaling::ScalingPolicy"
    handled = frozenset(
        {
            "AdjustmentType",
            "AutoScalingGroupName",
            "Cooldown",
            "EstimatedInstanceWarmup",
            "PolicyType",
            "PredictiveScalingConfiguration",
            "ScalingAdjustment",
            "TargetTrackingConfiguration",
        }
    )
    put, end, named = "PutScalingPolicy", "DeletePolicy", "PolicyName"

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it on its group."""
        made = at.call("autoscaling", self.put, {**wanted, self.named: at.name(255)})
        return str(made["PolicyARN"])

    def own_name(self, physical: str) -> str:
        """Return its name: the end of its ARN."""
        return physical.rpartition("policyName/")[2]

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        parameters = {
            **only(had, "AutoScalingGroupName"),
            "PolicyNames": [self.own_name(physical)],
        }
        found = at.found("autoscaling", "DescribePolicies", parameters, "ValidationError")
        policies = (found or {}).get("ScalingPolicies", [])
        return only(policies[0], *self.handled) if policies else None

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN and name."""
        return {"Arn": physical, "PolicyName": self.own_name(physical)}


class ScheduledAction(_OfGroup):
    """AWS::AutoScaling::ScheduledAction; its physical id is its name."""

    kind = "AWS::AutoScaling::ScheduledAction"
    handled = frozenset(
        {
            "AutoScalingGroupName",
            "EndTime",
            "Recurrence",
            "StartTime",
            "TimeZone",
            "DesiredCapacity",
            "MaxSize",
            "MinSize",
        }
    )
    put, end, named = (
        "PutScheduledUpdateGroupAction",
        "DeleteScheduledAction",
        "ScheduledActionName",
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it on its group."""
        name = at.name(255)
        at.call("autoscaling", self.put, {**wanted, self.named: name})
        return name

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        parameters = {**only(had, "AutoScalingGroupName"), "ScheduledActionNames": [physical]}
        found = at.found("autoscaling", "DescribeScheduledActions", parameters, "ValidationError")
        actions = (found or {}).get("ScheduledUpdateGroupActions", [])
        times = only(had, "StartTime", "EndTime")
        return {**only(actions[0], *self.handled), **times} if actions else None

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its name."""
        return {"ScheduledActionName": physical}


class WarmPool(Resource):
    """AWS::AutoScaling::WarmPool; its physical id is its group's name."""

    kind = "AWS::AutoScaling::WarmPool"
    handled = frozenset(
        {
            "AutoScalingGroupName",
            "InstanceReusePolicy",
            "MaxGroupPreparedCapacity",
            "MinSize",
            "PoolState",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it on its group."""
        at.call("autoscaling", "PutWarmPool", wanted)
        return str(wanted["AutoScalingGroupName"])

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew."""
        at.call("autoscaling", "PutWarmPool", wanted)

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with its instances."""
        parameters = {"AutoScalingGroupName": physical, "ForceDelete": True}
        at.found("autoscaling", "DeleteWarmPool", parameters, "ValidationError")

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its settings."""
        parameters = {"AutoScalingGroupName": physical}
        found = at.found("autoscaling", "DescribeWarmPool", parameters, "ValidationError")
        shown = (found or {}).get("WarmPoolConfiguration")
        return None if shown is None else {**parameters, **only(shown, *self.handled)}


TYPES: Final = (Hook(), ScalingPolicy(), ScheduledAction(), WarmPool())
