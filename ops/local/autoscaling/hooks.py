"""Lifecycle hooks as the API takes them: PutLifecycleHook, and the specifications of a group."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, LifecycleHook
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import EmptyResult

from ops.local.autoscaling.groups import Groups
from ops.local.lifecycle import Hook, Result

#: API Reference, PutLifecycleHook, HeartbeatTimeout.
LEAST_SECONDS: Final = 30
_MOST_SECONDS: Final = 7_200
_DEFAULT_SECONDS: Final = 3_600
_TRANSITIONS: Final = ("autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING")


def install(groups: Groups, *, least_seconds: int) -> None:
    """Have hooks checked as Auto Scaling does; `least_seconds` is the shortest heartbeat."""
    backend, answers = AutoScalingBackend, AutoScalingResponse
    backend.create_lifecycle_hook = _create(least_seconds)
    answers.put_lifecycle_hook = _put(groups)
    answers.create_auto_scaling_group = _with_group(answers.create_auto_scaling_group)


def forget(backend: Any, group_name: str) -> None:
    """Forget the hooks of a deleted group."""
    for each in backend.describe_lifecycle_hooks(group_name):
        backend.delete_lifecycle_hook(group_name, each.name)


def _create(least_seconds: int) -> Callable[..., Any]:
    def create_lifecycle_hook(  # noqa: PLR0917  # moto's, and one more
        backend: Any,
        name: str,
        as_name: str,
        transition: str | None,
        timeout: int | None,
        result: str | None,
        metadata: str | None = None,
    ) -> Any:
        key = f"{as_name}_{name}"
        before = backend.lifecycle_hooks.get(key)
        if before is not None:
            transition = transition or before.lifecycle_transition
            timeout = before.heartbeat_timeout if timeout is None else timeout
            result = result or before.default_result
            metadata = vars(before).get("notification_metadata") if metadata is None else metadata
        seconds = _DEFAULT_SECONDS if timeout is None else int(timeout)
        if transition not in _TRANSITIONS:
            raise ValidationError(f"Transition {transition} is not supported: {_TRANSITIONS}.")
        if not least_seconds <= seconds <= _MOST_SECONDS:
            raise ValidationError(
                f"HeartbeatTimeout {seconds} must be between {least_seconds} and {_MOST_SECONDS}."
            )
        if result not in {None, *Result}:
            raise ValidationError(f"DefaultResult {result} must be CONTINUE or ABANDON.")
        hook = LifecycleHook(name, as_name, transition, seconds, result)
        wanted = Hook(name, seconds, Result(hook.default_result))
        hook.global_timeout = int(wanted.global_seconds)
        hook.role_arn = hook.notification_target_arn = None
        hook.notification_metadata = metadata
        backend.lifecycle_hooks[key] = hook
        return hook

    return create_lifecycle_hook


def _put(groups: Groups) -> Callable[..., Any]:
    def put_lifecycle_hook(answer: Any) -> Any:
        group_name = answer._get_param("AutoScalingGroupName")
        with groups.lock:
            if group_name not in answer.autoscaling_backend.autoscaling_groups:
                raise ValidationError("AutoScalingGroup name not found - null")
            _put_one(answer.autoscaling_backend, group_name, answer._get_params())
        return EmptyResult()

    return put_lifecycle_hook


def _put_one(backend: Any, group_name: str, wanted: dict[str, Any]) -> None:
    backend.create_lifecycle_hook(
        name=wanted["LifecycleHookName"],
        as_name=group_name,
        transition=wanted.get("LifecycleTransition"),
        timeout=wanted.get("HeartbeatTimeout"),
        result=wanted.get("DefaultResult"),
        metadata=wanted.get("NotificationMetadata"),
    )


def _with_group(original: Callable[..., Any]) -> Callable[..., Any]:
    """A group's hooks are there before its first instance is launched."""

    @functools.wraps(original)
    def create_auto_scaling_group(answer: Any) -> Any:
        wanted = answer._get_params().get("LifecycleHookSpecificationList") or []
        name = answer._get_param("AutoScalingGroupName")
        with _Hooks(answer.autoscaling_backend, name, wanted):
            return original(answer)

    return create_auto_scaling_group


class _Hooks:
    """Puts a new group's hooks, and takes them back where the group is not made."""

    def __init__(self, backend: Any, group_name: str, wanted: list[dict[str, Any]]) -> None:
        self._backend, self._group_name = backend, group_name
        self._wanted = [] if group_name in backend.autoscaling_groups else wanted

    def __enter__(self) -> None:
        for each in self._wanted:
            _put_one(self._backend, self._group_name, each)

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is not None:
            for each in self._wanted:
                self._backend.delete_lifecycle_hook(self._group_name, each["LifecycleHookName"])
