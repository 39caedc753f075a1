"""Take the steps of a plan on EventBridge Scheduler, and say how far it came if it cannot go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.aws import aws_errors
from ops.errors import Exit, OpsError
from ops.schedules.plan import Kind, Step

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

    Raises OpsError with what was done before the step that failed, or before Ctrl-C (exit 130).
    Running the whole flow again goes on from there.
    """
    done: list[Step] = []
    for step in plan.steps:
        doing = f"{_DOING[step.kind]} {step.name}"
        step_begins(doing)
        try:
            with aws_errors(doing, service="scheduler"):
                _take(client, group, step)
        except OpsError as error:
            raise OpsError(f"{error}\n{_so_far(done)}", error.code) from error
        except KeyboardInterrupt:
            raise OpsError(
                f"interrupted while {doing}, which may or may not have happened\n{_so_far(done)}",
                Exit.INTERRUPTED,
            ) from None
        done.append(step)


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


def _so_far(done: list[Step]) -> str:
    if not done:
        return "nothing had been changed before that"
    steps = ", ".join(f"{step.name} {step.kind.value}" for step in done)
    return f"done before that: {steps}: run it again for the rest"
