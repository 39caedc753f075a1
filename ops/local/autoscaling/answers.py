"""The calls of Auto Scaling that moto lacks, or answers without doing."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Final

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.core.responses import ActionResult, EmptyResult

from ops.local.autoscaling.groups import Groups
from ops.local.autoscaling.member import Member
from ops.local.lifecycle import NoActionError, Result, completed, heartbeat

_PAGE: Final = 100


def install(answer: Any, groups: Groups) -> None:
    """Put the calls on the class `answer` of moto that answers them."""
    answer.record_lifecycle_action_heartbeat = _acting(groups, _heartbeat)
    answer.complete_lifecycle_action = _acting(groups, _complete)
    answer.describe_scaling_activities = _described(groups)
    answer.terminate_instance_in_auto_scaling_group = _terminated
    answer.set_instance_health = _set_instance_health
    answer.delete_auto_scaling_group = _deleting(groups, answer.delete_auto_scaling_group)


def _acting(groups: Groups, act: Callable[[Groups, Any, Member, str | None], None]) -> Any:
    def call(answer: Any) -> Any:
        instance, token = answer._get_param("InstanceId"), answer._get_param("LifecycleActionToken")
        with groups.lock:
            try:
                act(groups, answer, _waiting(groups, answer, instance, token), token)
            except NoActionError as error:
                named = f"token {token}" if instance is None else f"instance ID {instance}"
                raise ValidationError(f"No active Lifecycle Action found with {named}") from error
        return EmptyResult()

    return call


def _waiting(groups: Groups, answer: Any, instance: str | None, token: str | None) -> Member:
    name = answer._get_param("AutoScalingGroupName")
    group = answer.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError("AutoScalingGroup name not found - null")
    if instance is None and token is None:
        raise ValidationError("Either InstanceId or LifecycleActionToken must be specified.")
    for member in groups.roster.of(group):
        if instance is not None:
            if member.id == instance:
                return member
        elif any(wait.token == token for wait in member.life.waits):
            return member
    raise NoActionError


def _heartbeat(groups: Groups, answer: Any, member: Member, token: str | None) -> None:
    hook = answer._get_param("LifecycleHookName")
    groups.roster.act(member, lambda life: heartbeat(life, hook, token, time.time()))
    groups.settle(member.group)


def _complete(groups: Groups, answer: Any, member: Member, token: str | None) -> None:
    hook, said = answer._get_param("LifecycleHookName"), answer._get_param("LifecycleActionResult")
    if said not in set(Result):
        raise ValidationError(f"LifecycleActionResult {said} must be CONTINUE or ABANDON.")
    groups.roster.act(member, lambda life: completed(life, hook, token, Result(said)))
    groups.settle(member.group)


def _described(groups: Groups) -> Any:
    def describe_scaling_activities(answer: Any) -> Any:
        name, ids = answer._get_param("AutoScalingGroupName"), answer._get_param("ActivityIds", [])
        known = answer.autoscaling_backend.autoscaling_groups
        deleted_too = answer._get_bool_param("IncludeDeletedGroups", False)
        if name is not None and name not in known and not deleted_too:
            raise ValidationError("AutoScalingGroup name not found - null")
        size = min(_PAGE, answer._get_int_param("MaxRecords") or _PAGE)
        with groups.lock:
            told = [
                each
                for each in groups.roster.activities.told(name, ids)
                if deleted_too or each.group in known
            ]
        start = int(answer._get_param("NextToken") or 0)
        more = len(told) > start + size
        return ActionResult(
            {
                "Activities": [each.answer() for each in told[start : start + size]],
                "NextToken": str(start + size) if more else None,
            }
        )

    return describe_scaling_activities


def _terminated(answer: Any) -> Any:
    decrement = answer._get_bool_param("ShouldDecrementDesiredCapacity", False)
    activity = answer.autoscaling_backend.terminate_instance(
        answer._get_param("InstanceId"), decrement
    )
    said = activity.answer() if hasattr(activity, "answer") else activity
    return ActionResult({"Activity": said})


def _set_instance_health(answer: Any) -> Any:
    status = answer._get_param("HealthStatus")
    if status not in {"Healthy", "Unhealthy"}:
        raise ValidationError("Valid instance health states are: [Healthy, Unhealthy].")
    answer.autoscaling_backend.set_instance_health(
        answer._get_param("InstanceId"),
        status,
        answer._get_bool_param("ShouldRespectGracePeriod", True),
    )
    return EmptyResult()


def set_health(groups: Groups, member: Member, status: str, grace: bool) -> None:
    """Take a word on an instance's health, unless its grace period is on and to be respected."""
    period = int(member.group.health_check_grace_period or 0)
    if grace and time.time() < member.since + period:
        return
    if status == "Healthy":
        member.state.health_status = status
    elif member.counts:
        groups.unhealthy(
            member, "an instance was taken out of service in response to a user health-check."
        )


def _deleting(groups: Groups, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def delete_auto_scaling_group(answer: Any) -> Any:
        group = answer.autoscaling_backend.autoscaling_groups.get(
            answer._get_param("AutoScalingGroupName")
        )
        with groups.lock:
            forced = answer._get_bool_param("ForceDelete", False)
            if group is not None and groups.roster.of(group) and not forced:
                raise AutoscalingClientError(
                    "ResourceInUse",
                    "You cannot delete an AutoScalingGroup while there are instances or pending "
                    "Spot instance request(s) still in the group.",
                )
            return original(answer)

    return delete_auto_scaling_group
