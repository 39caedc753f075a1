"""What a service's scheduler says: the events that DescribeServices shows, the newest first.

The words are ECS's own ("Amazon ECS service event messages", Developer Guide).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ops.local.ecs.task import Task

#: DescribeServices shows so many (Service, API reference).
_SHOWN: Final = 100


def started(service: Any, tasks: Sequence[Task], replacing: int) -> None:
    """Say that tasks were started, `replacing` of them in the place of unhealthy ones."""
    if tasks:
        why = f" Amazon ECS replaced {replacing} tasks due to an unhealthy status."
        _say(service, f"has started {len(tasks)} tasks: {_named(tasks)}.{why if replacing else ''}")


def failed(service: Any, task: Task) -> None:
    """Say why a task is stopped that fails its health check."""
    _say(service, f"(task {task.id}) failed container health checks.")


def stopped(service: Any, tasks: Sequence[Task]) -> None:
    """Say that the scheduler has tasks stop."""
    if tasks:
        _say(service, f"has stopped {len(tasks)} running tasks: {_named(tasks)}.")


def _named(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {each.id})" for each in tasks)


def _say(service: Any, text: str) -> None:
    said = {
        "id": str(uuid.uuid4()),
        "createdAt": datetime.now(UTC),
        "message": f"(service {service.name}) {text}",
    }
    service.events[:] = [said, *service.events[: _SHOWN - 1]]
