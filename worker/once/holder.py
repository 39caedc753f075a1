"""Who runs: the message, the receive and the time limit of the task that this process is at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from worker.once.errors import Unusable
from worker.once.items import Holder
from worker.sqs.transport import OPTION

if TYPE_CHECKING:
    from worker.fleet import Fleet


def fleet_of(app: Any) -> Fleet:
    """Return the manifest an application runs on. Raises Unusable where it runs on none."""
    fleet: Fleet | None = (app.conf.broker_transport_options or {}).get(OPTION)
    if fleet is None:
        raise Unusable(
            f"once: expected an application on a manifest, got {app.main or 'one'} without: "
            "use this project's celeryconfig.py, or worker.settings.install(app)"
        )
    return fleet


def holder_of(app: Any, fleet: Fleet, longest: timedelta) -> Holder:
    """Return who runs now.

    A task that a worker runs is known by its message, and cannot outlast its hard time limit and a
    lease. Anything else (a shell, a web request, a thread that a task started) counts as a message
    of its own that runs for `longest`.
    """
    owner = uuid4().hex
    task = app.current_worker_task
    request = None if task is None else task.request
    delivery = (None if request is None else request.delivery_info) or {}
    message_id = delivery.get("message_id")
    if request is None or message_id is None:
        return Holder(owner, owner, 1, longest.total_seconds(), "", "")
    return Holder(
        owner=owner,
        message_id=str(message_id),
        receives=int(delivery.get("receive_count") or 1),
        longest_seconds=_limit_seconds(fleet, task, delivery.get("routing_key")),
        task=str(task.name),
        task_id=str(request.id),
    )


def _limit_seconds(fleet: Fleet, task: Any, queue_name: object) -> float:
    # The worker names its queue; the manifest's longest covers a message whose worker did not.
    named = fleet.queues.get(str(queue_name))
    queues = fleet.queues.values() if named is None else (named,)
    own = (task.request.timelimit or (None,))[0] or task.time_limit
    limit = own or max(queue.time_limit.total_seconds() for queue in queues)
    return float(limit) + max(queue.lease.total_seconds() for queue in queues)
