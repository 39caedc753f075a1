"""Mends of moto's Auto Scaling, for the process that serves it.

moto 5.2 sets any desired capacity, takes a group below its minimum, answers an instance it does
not know with a fault of its own, and changes groups in many threads without a lock. Auto Scaling
refuses all of these with a ValidationError, and serialises what changes a group. It knows no warm
pool of a group that is gone, and a group that is deleted goes whatever its minimum.

It also forgets an ended instance at once. On AWS it is there for minutes, and a request to
terminate it may take another one off the desired capacity; here it does so for a minute, so that
what decrements twice is seen to.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, TerminateInstanceActivity

_ENDED_FOR_SECONDS: Final = 60.0
_CHANGES: Final = (
    "create_auto_scaling_group",
    "update_auto_scaling_group",
    "delete_auto_scaling_group",
    "attach_instances",
    "detach_instances",
    "enter_standby_instances",
    "exit_standby_instances",
    "set_instance_protection",
    "notify_terminate_instances",
    "set_desired_capacity",
    "terminate_instance",
)


def mend(lock: threading.RLock) -> None:
    """Mend moto's Auto Scaling in this process; what changes a group holds `lock`."""
    AutoScalingBackend.set_desired_capacity = _within_bounds(
        AutoScalingBackend.set_desired_capacity
    )
    AutoScalingBackend.terminate_instance = _terminating(AutoScalingBackend.terminate_instance)
    AutoScalingBackend.delete_auto_scaling_group = _unbounded(
        AutoScalingBackend.delete_auto_scaling_group
    )
    AutoScalingBackend.describe_warm_pool = _of_a_group(AutoScalingBackend.describe_warm_pool)
    for name in _CHANGES:
        setattr(AutoScalingBackend, name, _exclusive(getattr(AutoScalingBackend, name), lock))


def _exclusive(original: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return original(*args, **kwargs)

    return call


def _within_bounds(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def set_desired_capacity(backend: Any, group_name: str, desired_capacity: int | None) -> Any:
        group = backend.autoscaling_groups.get(group_name)
        if group is None:
            raise ValidationError("AutoScalingGroup name not found - null")
        for bound, beyond in (("max", 1), ("min", -1)):
            value = getattr(group, f"{bound}_size")
            if desired_capacity is not None and (desired_capacity - value) * beyond > 0:
                raise ValidationError(
                    f"New SetDesiredCapacity value {desired_capacity} is "
                    f"{'above' if beyond > 0 else 'below'} {bound} value {value} for the "
                    "AutoScalingGroup."
                )
        return original(backend, group_name, desired_capacity)

    return set_desired_capacity


def _unbounded(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def delete_auto_scaling_group(backend: Any, group_name: str) -> None:
        group = backend.autoscaling_groups.get(group_name)
        if group is not None:
            # It comes down by a desired capacity of 0.
            group.min_size = 0
        original(backend, group_name)

    return delete_auto_scaling_group


def _of_a_group(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(backend: Any, group_name: str) -> Any:
        if group_name not in backend.autoscaling_groups:
            raise ValidationError(
                f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found"
            )
        return original(backend, group_name)

    return call


def _terminating(original: Callable[..., Any]) -> Callable[..., Any]:
    ended: dict[str, tuple[float, Any, Any]] = {}

    @functools.wraps(original)
    def terminate_instance(backend: Any, instance_id: str, should_decrement: bool) -> Any:
        now = time.monotonic()
        for old in [id for id, (at, *_) in ended.items() if now - at > _ENDED_FOR_SECONDS]:
            del ended[old]
        if instance_id in ended:
            _, group, instance = ended[instance_id]
            before = group.desired_capacity
            if should_decrement:
                _check_minimum(group)
                group.set_desired_capacity(before - 1)
            return TerminateInstanceActivity(instance, before)
        for group in backend.autoscaling_groups.values():
            for state in group.instance_states:
                if state.instance.id == instance_id:
                    if should_decrement:
                        _check_minimum(group)
                    activity = original(backend, instance_id, should_decrement)
                    ended[instance_id] = (now, group, state.instance)
                    return activity
        raise ValidationError(
            f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
        )

    return terminate_instance


def _check_minimum(group: Any) -> None:
    if group.desired_capacity <= group.min_size:
        raise ValidationError(
            f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance "
            "without replacement will violate group's min size constraint. Either set "
            "shouldDecrementDesiredCapacity flag to false or lower group's min size."
        )
