"""Settings of Auto Scaling groups that moto 5.2 takes and forgets, kept and shown.

Some it knows from the creation of a group and ignores in an update; some it does not know at all.
A policy's ARN it answers under a name that no client reads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from moto.autoscaling.responses import AutoScalingResponse

#: By the API's name, where moto's serialiser looks for it.
_SETTINGS: Final = {
    "CapacityRebalance": "capacity_rebalance",
    "Context": "context",
    "DefaultCooldown": "default_cooldown",
    "DefaultInstanceWarmup": "default_instance_warmup",
    "DesiredCapacityType": "desired_capacity_type",
    # Zero, which it takes for none given.
    "HealthCheckGracePeriod": "health_check_grace_period",
    "MaxInstanceLifetime": "max_instance_lifetime",
    "TerminationPolicies": "termination_policies",
}


def mend() -> None:
    """Have moto keep them in this process."""
    response = AutoScalingResponse
    response.create_auto_scaling_group = _keeping(response.create_auto_scaling_group)
    response.update_auto_scaling_group = _keeping(response.update_auto_scaling_group)
    response.put_scaling_policy = _renamed(response.put_scaling_policy)


def _keeping(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def call(handler: Any) -> Any:
        answer = original(handler)
        groups = handler.autoscaling_backend.autoscaling_groups
        group = groups[handler._get_param("AutoScalingGroupName")]
        for name, attribute in _SETTINGS.items():
            value = handler._get_param(name)
            if value is not None:
                setattr(group, attribute, value)
        return answer

    return call


def _renamed(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def put_scaling_policy(handler: Any) -> Any:
        answer = original(handler)
        answer.result["PolicyARN"] = answer.result["PolicyArn"]
        return answer

    return put_scaling_policy
