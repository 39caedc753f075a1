"""Take the steps of a plan on EventBridge Scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.schedules.plan import Kind, Step
from ops.steps import take_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_scheduler import EventBridgeSchedulerClient

    from ops.schedules.plan import Plan

_DOING = {
    Kind.GROUP: "creating schedule group",
    Kind.CREATE: "creating schedule",
    Kind.UPDATE: "updating schedule",
    Kind.DELETE: "deleting schedule",
}


def act(
    client: EventBridgeSchedulerClient,
    group: str,
    plan: Plan,
    step_begins: Callable[[str], None],
) -> None:
    """Take every step of the plan in order, all within the group.

    Raises OpsError as `ops.steps.take_all` does.
    """
    take_all(
        plan.steps,
        lambda step: _take(client, group, step),
        step_begins,
        doing=lambda step: f"{_DOING[step.kind]} {step.name}",
        done=lambda step: f"{step.name} {step.kind.value}",
        service=lambda _: "scheduler",
    )


def _take(client: EventBridgeSchedulerClient, group: str, step: Step) -> None:
    definition: Any = step.definition
    if step.kind is Kind.GROUP:
        tags = [{"Key": key, "Value": value} for key, value in step.tags.items()]
        client.create_schedule_group(Name=group, Tags=tags)  # type: ignore[arg-type]
    elif step.kind is Kind.CREATE:
        client.create_schedule(**definition)
    elif step.kind is Kind.UPDATE:
        client.update_schedule(**definition)
    else:
        client.delete_schedule(GroupName=group, Name=step.name)
