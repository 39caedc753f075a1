"""The message of a firing: Celery's protocol 2 as plain JSON, which a person can read. Pure."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from ops.schedules.firings import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from worker.fleet import Fleet, Schedule

#: Headers of the message, and so of the task's request: which schedule sent it, and for when.
SCHEDULE_HEADER = "fleet_schedule"
SCHEDULED_TIME_HEADER = "fleet_scheduled_time"

#: How the keywords begin that EventBridge Scheduler replaces anywhere in a schedule's input.
KEYWORD = "<aws.scheduler."


def envelope(fleet: Fleet, schedule: Schedule, task_id: str, scheduled_time: str) -> str:
    """Return the body of an SQS message that our workers and Celery's own both run.

    `task_id` and `scheduled_time` may be keywords of EventBridge Scheduler. A keyword in the
    arguments is written so that it is not replaced, and the task gets it as it stands.
    """
    arguments = json.dumps([list(schedule.args), dict(schedule.kwargs), _NO_EMBED])
    headers: dict[str, Any] = {
        "lang": "py",
        "task": schedule.task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "origin": f"schedule@{fleet.name}",
        SCHEDULE_HEADER: schedule.name,
        SCHEDULED_TIME_HEADER: scheduled_time,
    }
    return json.dumps(
        {
            "body": arguments.replace(KEYWORD, "\\u003c" + KEYWORD[1:]),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": headers,
            "properties": {
                "correlation_id": task_id,
                "reply_to": None,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": fleet.route(schedule.task)},
                "priority": 0,
                "body_encoding": "utf-8",
            },
        }
    )


def firing_id(fleet: Fleet, schedule: Schedule, at: datetime) -> str:
    """Return the task id of one firing: the same wherever, and however often, it is sent."""
    return str(uuid.uuid5(_IDS, f"{fleet.name}/{schedule.name}/{stamp(at)}"))


_NO_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_IDS = uuid.UUID("7c0a3d5e-0f0b-4a5b-9a5f-2d9f0a4c8d11")
