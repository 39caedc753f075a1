"""Where moto's Auto Scaling is told to have machines for instances: its methods, replaced.

It is done before ``moto_autoscaling.mend``, which checks and serialises what is here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse

from ops.local.autoscaling import answers, hooks, warm_pools
from ops.local.autoscaling.activities import Activity
from ops.local.autoscaling.groups import Groups


def install(groups: Groups, *, short_hooks: bool) -> None:
    """Have the groups of this process be kept by `groups`."""
    group, backend = FakeAutoScalingGroup, AutoScalingBackend
    group.set_desired_capacity = _set_desired_capacity(groups)
    group.update = _update(group.update)
    backend.create_auto_scaling_group = _create(backend.create_auto_scaling_group)
    backend.delete_auto_scaling_group = _delete(groups)
    backend.terminate_instance = _terminate(groups)
    backend.detach_instances = _detach(groups, backend.detach_instances)
    backend.set_instance_health = _set_health(groups)
    backend.notify_terminate_instances = _notified(groups)
    backend.resume_processes = _resumed(groups, backend.resume_processes)
    InstanceState.launch_template = property(_template_of(groups))
    hooks.install(groups, least_seconds=1 if short_hooks else hooks.LEAST_SECONDS)
    answers.install(AutoScalingResponse, groups)
    warm_pools.install(AutoScalingResponse, groups)


def _set_desired_capacity(groups: Groups) -> Callable[..., None]:
    def set_desired_capacity(group: Any, new_capacity: int | None) -> None:
        with groups.lock:
            group.desired_capacity = group.min_size if new_capacity is None else new_capacity
            groups.settle(group)

    return set_desired_capacity


def _update(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def update(
        group: Any,
        *,
        desired_capacity: int | None,
        max_size: int | None,
        min_size: int | None,
        mixed_instances_policy: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        least = group.min_size if min_size is None else min_size
        most = group.max_size if max_size is None else max_size
        _check_bounds(least, most, desired_capacity)
        kept = None
        if not (mixed_instances_policy or others["launch_template"]):
            # moto forgets the policy at every update that does not repeat it.
            kept = group.mixed_instances_policy
        original(
            group,
            desired_capacity=None,
            max_size=None,
            min_size=None,
            mixed_instances_policy=mixed_instances_policy,
            **others,
        )
        group.mixed_instances_policy = kept or group.mixed_instances_policy
        group.min_size, group.max_size = least, most
        wanted = group.desired_capacity if desired_capacity is None else desired_capacity
        group.set_desired_capacity(min(max(wanted, least), most))

    return update


def _create(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_auto_scaling_group(backend: Any, **wanted: Any) -> Any:
        if wanted["name"] in backend.autoscaling_groups:
            raise ValidationError(
                "AutoScalingGroup by this name already exists - A group with "
                f"the name {wanted['name']} already exists"
            )
        least, most = int(wanted["min_size"] or 0), int(wanted["max_size"] or 0)
        desired = wanted["desired_capacity"]
        _check_bounds(least, most, None if desired is None else int(desired))
        group = original(backend, **wanted)
        # moto takes 300 s for 0 and for none; none is 0 but for those the console makes.
        group.health_check_grace_period = int(wanted["health_check_period"] or 0)
        return group

    return create_auto_scaling_group


def _check_bounds(least: int, most: int, desired: int | None) -> None:
    if least > most:
        raise ValidationError("Min size must be less than or equal to max size.")
    if desired is not None and not least <= desired <= most:
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{least} and max "
            f"size:{most}"
        )


def _delete(groups: Groups) -> Callable[..., None]:
    def delete_auto_scaling_group(backend: Any, group_name: str) -> None:
        group = backend.autoscaling_groups.get(group_name)
        if group is None:
            raise ValidationError(
                f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found"
            )
        groups.delete(group)
        hooks.forget(backend, group_name)

    return delete_auto_scaling_group


def _terminate(groups: Groups) -> Callable[..., Activity]:
    def terminate_instance(_: Any, instance_id: str, should_decrement: bool) -> Activity:
        member = groups.member(instance_id)
        if member is None:
            raise ValidationError(
                f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
            )
        group, cause = member.group, "an instance was taken out of service at a user's request"
        if should_decrement:
            before = group.desired_capacity
            group.desired_capacity = before - 1
            cause += f", shrinking the capacity from {before} to {before - 1}"
        groups.roster.leave(member, f"{cause}.")
        groups.settle(group)
        return member.activity

    return terminate_instance


def _detach(groups: Groups, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def detach_instances(
        backend: Any, group_name: str, instance_ids: list[str], should_decrement: bool
    ) -> Any:
        for id in instance_ids:
            groups.forget(id)
        return original(backend, group_name, instance_ids, should_decrement)

    return detach_instances


def _set_health(groups: Groups) -> Callable[..., None]:
    def set_instance_health(
        _: Any, instance_id: str, health_status: str, grace: bool = True
    ) -> None:
        with groups.lock:
            member = groups.member(instance_id)
            if member is None:
                raise ValidationError(f"Instance [{instance_id}] is not in any group.")
            answers.set_health(groups, member, health_status, grace)

    return set_instance_health


def _notified(groups: Groups) -> Callable[..., None]:
    def notify_terminate_instances(_: Any, instance_ids: list[str]) -> None:
        for id in instance_ids:
            if groups.machines.get(id) is not None:
                groups.machines.end(id)

    return notify_terminate_instances


def _resumed(groups: Groups, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def resume_processes(backend: Any, group_name: str, scaling_processes: list[str]) -> None:
        original(backend, group_name, scaling_processes)
        with groups.lock:
            groups.settle(backend.autoscaling_groups[group_name])

    return resume_processes


def _template_of(groups: Groups) -> Callable[[Any], dict[str, Any] | None]:
    def launch_template(state: Any) -> dict[str, Any] | None:
        template = state.auto_scaling_group.ec2_launch_template
        member = groups.member(state.instance_id)
        if template is None or member is None:
            return None
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "Version": str(member.version),
        }

    return launch_template
