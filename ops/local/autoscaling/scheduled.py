"""Scheduled actions of Auto Scaling groups: checked as Auto Scaling does, and done by the clock.

moto keeps one action of a name in a region, and does none.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeScheduledAction,
    autoscaling_backends,
    make_int,
)

from ops.local.timed.expressions import Once, When, Within, five_fields

_log = logging.getLogger(__name__)
#: "Quotas for Amazon EC2 Auto Scaling", scheduled actions a group.
_MOST: Final = 125


class ScheduledActions:
    """The actions of all regions. What changes a group holds `lock`."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._known: dict[str, tuple[Any, Any]] = {}
        backend = AutoScalingBackend
        backend.put_scheduled_update_group_action = _put
        backend.delete_scheduled_action = _delete

    def whens(self) -> Mapping[str, When]:
        """Return when each action is due."""
        self._known = {
            f"{backend.region_name}/{action.auto_scaling_group_name}/"
            f"{action.scheduled_action_name}": (backend, action)
            for backend, action in _actions()
        }
        return {name: _when(action) for name, (_, action) in self._known.items()}

    def fire(self, name: str, at: float) -> None:
        """Change the group's sizes, unless it is gone or its scheduled actions are suspended."""
        backend, action = self._known[name]
        with self._lock:
            group = backend.autoscaling_groups.get(action.auto_scaling_group_name)
            if group is not None and not any(
                each["ProcessName"] == "ScheduledActions" for each in group.suspended_processes
            ):
                _resize(group, action)

    def over(self, name: str) -> None:
        """Forget an action that is done ("Scheduled scaling": it does not persist)."""
        backend, action = self._known[name]
        backend.scheduled_actions.pop(_key(action), None)


def _resize(group: Any, action: Any) -> None:
    least = group.min_size if action.min_size is None else action.min_size
    most = group.max_size if action.max_size is None else action.max_size
    wanted = group.desired_capacity if action.desired_capacity is None else action.desired_capacity
    given = action.desired_capacity is not None
    if least > most or (given and not least <= wanted <= most):
        _log.error(
            "scheduled action %s of %s: expected min <= desired <= max, found %s, %s, %s: not done",
            action.scheduled_action_name,
            group.name,
            least,
            wanted,
            most,
        )
        return
    group.min_size, group.max_size = least, most
    group.set_desired_capacity(min(max(wanted, least), most))


def _actions() -> Iterator[tuple[Any, Any]]:
    for account in list(autoscaling_backends.keys()):
        for region in list(autoscaling_backends[account].keys()):
            backend = autoscaling_backends[account][region]
            for action in list(backend.scheduled_actions.values()):
                if action.auto_scaling_group_name in backend.autoscaling_groups:
                    yield backend, action
                else:
                    backend.scheduled_actions.pop(_key(action), None)


def _key(action: Any) -> str:
    return f"{action.auto_scaling_group_name}/{action.scheduled_action_name}"


def _when(action: Any) -> When:
    first, last = _seconds(action.start_time), _seconds(action.end_time)
    if not action.recurrence:
        return Once(first or 0.0)
    recurs = five_fields(action.recurrence, action.time_zone or "UTC")
    # "performs the action at this time, and then ... based on the specified recurrence".
    return Within(recurs, first, last, also_first=True)


def _put(backend: Any, name: str, scheduled_action_name: str, **given: Any) -> Any:
    if name not in backend.autoscaling_groups:
        raise ValidationError(f"Group {name} not found")
    for size in ("min_size", "max_size", "desired_capacity"):
        given[size] = make_int(given[size])
    action = FakeScheduledAction(
        autos_caling_group_name=name,
        scheduled_action_name=scheduled_action_name,
        time_zone=given.pop("timezone"),
        **given,
    )
    others = [
        each
        for each in backend.describe_scheduled_actions(name)
        if each.scheduled_action_name != scheduled_action_name
    ]
    _check(action, others)
    backend.scheduled_actions[_key(action)] = action
    return action


def _check(action: Any, others: list[Any]) -> None:
    if action.min_size is action.max_size is action.desired_capacity is None:
        raise ValidationError("At least one of MinSize, MaxSize, DesiredCapacity is required.")
    if not (action.recurrence or action.start_time):
        raise ValidationError("A StartTime or a Recurrence is required.")
    if action.start_time and (_seconds(action.start_time) or 0.0) <= time.time():
        raise ValidationError("Given start time is in the past")
    try:
        when = _when(action)
    except ValueError as error:
        raise ValidationError(f"Given recurrence is invalid: {error}.") from error
    # "A scheduled action must have a unique time value" ("Scheduled scaling", limitations).
    if any(_when(each) == when for each in others):
        raise AutoscalingClientError(
            "AlreadyExists",
            "A scheduled action with this scheduled start time already exists for the group.",
        )
    if len(others) >= _MOST:
        raise AutoscalingClientError(
            "LimitExceeded", f"You may have at most {_MOST} scheduled actions a group."
        )


def _delete(backend: Any, auto_scaling_group_name: str, scheduled_action_name: str) -> None:
    key = f"{auto_scaling_group_name}/{scheduled_action_name}"
    if backend.scheduled_actions.pop(key, None) is None:
        raise ValidationError("Scheduled action name not found")


def _seconds(at: Any) -> float | None:
    if at is None or isinstance(at, int | float):
        return at
    when = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return when.timestamp()
