"""What Auto Scaling and EC2 tell EventBridge of an instance: no I/O.

Shapes: "EventBridge events" in the Amazon EC2 Auto Scaling User Guide, "State change events for
your instances" and "Spot Instance interruption notices" in the Amazon EC2 User Guide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ops.local.autoscaling.activities import Activity, Way
from ops.local.lifecycle import Wait

EC2 = "aws.ec2"
AUTOSCALING = "aws.autoscaling"


@dataclass(frozen=True, slots=True)
class Event:
    """An event to publish."""

    source: str
    kind: str
    detail: dict[str, Any]
    resources: list[str] = field(default_factory=list)


def state_changed(instance: str, arn: str, state: str) -> Event:
    """EC2 says that an instance is pending, running, shutting-down or terminated."""
    detail = {"instance-id": instance, "state": state}
    return Event(EC2, "EC2 Instance State-change Notification", detail, [arn])


def spot_warning(instance: str, arn: str, action: str) -> Event:
    """EC2 says that it takes a spot instance back in two minutes."""
    detail = {"instance-id": instance, "instance-action": action}
    return Event(EC2, "EC2 Spot Instance Interruption Warning", detail, [arn])


def rebalance_recommended(instance: str, arn: str) -> Event:
    """EC2 says that a spot instance is at elevated risk."""
    detail = {"instance-id": instance}
    return Event(EC2, "EC2 Instance Rebalance Recommendation", detail, [arn])


def hook_waits(group: Any, instance: str, wait: Wait, way: Way, metadata: str | None) -> Event:
    """A hook's action begins."""
    transition = "TERMINATING" if way.leaves else "LAUNCHING"
    origin, destination = way.value
    detail = {
        "LifecycleActionToken": wait.token,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": wait.hook.name,
        "EC2InstanceId": instance,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}",
        "Origin": origin,
        "Destination": destination,
    }
    if metadata:
        detail["NotificationMetadata"] = metadata
    kind = f"EC2 Instance-{'terminate' if way.leaves else 'launch'} Lifecycle Action"
    return Event(AUTOSCALING, kind, detail, [group.arn])


def moved(group: Any, instance: str, arn: str, activity: Activity) -> Event:
    """A launch or a termination has succeeded, or a launch has failed."""
    succeeded = activity.status == "Successful"
    what = "Terminate" if activity.way.leaves else "Launch"
    origin, destination = activity.way.value
    detail = {
        "StatusCode": "Complete" if succeeded else activity.status,
        "Description": activity.description,
        "AutoScalingGroupName": group.name,
        "ActivityId": activity.id,
        "Details": activity.details,
        "RequestId": activity.id,
        "StatusMessage": activity.message,
        "StartTime": activity.start.isoformat(),
        "EndTime": activity.end.isoformat() if activity.end else "",
        "EC2InstanceId": instance,
        "Cause": activity.cause,
        "Origin": origin,
        "Destination": destination,
    }
    kind = f"EC2 Instance {what} {'Successful' if succeeded else 'Unsuccessful'}"
    return Event(AUTOSCALING, kind, detail, [group.arn, arn])
