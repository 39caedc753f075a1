"""Read the fleet's schedule group and no other, and the queues it is to send to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.errors import Exit, OpsError
from ops.schedules.plan import Found

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_scheduler import EventBridgeSchedulerClient


def read(
    client: EventBridgeSchedulerClient, group: str, step: Callable[[str], None]
) -> Found | None:
    """Return the schedule group as it is, or None where EventBridge says that there is none.

    `step` is called with what is read next. Raises OpsError where it does not answer or refuses:
    what is unknown is never taken for absent.
    """
    step(f"schedule group {group}")
    try:
        with aws_errors(f"reading schedule group {group}", service="scheduler"):
            return _read(client, group, step)
    except KeyboardInterrupt:
        raise OpsError(
            f"interrupted while reading schedule group {group}: nothing was changed",
            Exit.INTERRUPTED,
        ) from None


def _read(
    client: EventBridgeSchedulerClient, group: str, step: Callable[[str], None]
) -> Found | None:
    try:
        arn = client.get_schedule_group(Name=group)["Arn"]
    except client.exceptions.ResourceNotFoundException:
        return None
    tags = client.list_tags_for_resource(ResourceArn=arn).get("Tags", [])
    names = [
        summary["Name"]
        for page in client.get_paginator("list_schedules").paginate(GroupName=group)
        for summary in page["Schedules"]
    ]
    schedules = {}
    for name in names:
        step(name)
        try:
            answer = client.get_schedule(GroupName=group, Name=name)
        except client.exceptions.ResourceNotFoundException:
            continue  # deleted since it was listed
        schedules[name] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    return Found({tag["Key"]: tag["Value"] for tag in tags}, schedules)
