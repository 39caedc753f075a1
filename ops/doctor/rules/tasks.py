"""What the tasks themselves ask for."""

from __future__ import annotations

from collections.abc import Iterator

from ops.doctor.finding import Bite
from ops.doctor.names import stock_name
from ops.doctor.rules.words import INSTALL, duration, some
from ops.doctor.snapshot import STOCK_VISIBILITY_SECONDS, Application, Snapshot, Task
from worker.manifest.checks import LONGEST_HOLD

_HOLD_SECONDS = LONGEST_HOLD.total_seconds()


def visibility(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that may outlast their message's visibility timeout."""
    application = snapshot.application
    if application.fleet is not None or application.broker != "sqs":
        return
    for task in application.tasks:
        limit = task.time_limit_seconds
        hidden = _visibility_seconds(snapshot, task)
        if limit is not None and limit > hidden:
            yield Bite(
                task.place,
                f"{task.name} may run {duration(limit)} (time_limit), but its message is hidden "
                f"for {duration(hidden)}: meanwhile another worker runs it as well",
                f"{INSTALL}: a lease is renewed while a task runs",
            )
    unlimited = [task.name for task in application.tasks if task.time_limit_seconds is None]
    if unlimited:
        hidden = _declared_visibility(application)
        yield Bite(
            "broker_transport_options.visibility_timeout",
            f"{some(unlimited)} may run longer than the {duration(hidden)} for which a message is "
            "hidden, for nothing limits them: meanwhile another worker runs them as well",
            f"{INSTALL}: a lease is renewed while a task runs",
        )


def no_time_limit(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that nothing ends."""
    application = snapshot.application
    unlimited = [t.name for t in application.tasks if t.time_limit_seconds is None]
    if application.fleet is None and unlimited:
        yield Bite(
            "task_time_limit",
            f"nothing limits {some(unlimited)}; on the fleet a queue's time_limit does: 1h unless "
            "said otherwise",
            "set time_limit in each queue above its longest task",
        )


def too_long(snapshot: Snapshot) -> Iterator[Bite]:
    """Time limits that SQS cannot keep a message hidden for."""
    fleet = snapshot.application.fleet
    for task in snapshot.application.tasks:
        queue = fleet.queues.get(task.queue or "") if fleet is not None else None
        lease = queue.lease.total_seconds() if queue is not None else 0.0
        limit = task.time_limit_seconds
        if limit is not None and limit + lease > _HOLD_SECONDS:
            with_lease = f" with a lease of {duration(lease)}" if lease else ""
            yield Bite(
                task.place,
                f"{task.name} may run {duration(limit)}{with_lease}: SQS hides a message for at "
                "most 12h from its receive, then another worker runs it as well",
                "shorten its time_limit, and split the work into tasks that follow each other",
            )


def acks_early(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that acknowledge early of their own accord."""
    application = snapshot.application
    for task in application.tasks:
        if application.setting("task_acks_late") and not task.acks_late:
            yield Bite(
                task.place,
                f"{task.name} has acks_late=False: its message is deleted when it starts, and a "
                "worker that dies loses it",
                "remove acks_late from the task",
            )
        if application.setting("task_reject_on_worker_lost") and not task.reject_on_worker_lost:
            yield Bite(
                task.place,
                f"{task.name} has reject_on_worker_lost=False: it is deleted when its child "
                "process is killed",
                "remove reject_on_worker_lost from the task",
            )


def content(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that are sent as something else than JSON."""
    application = snapshot.application
    for task in application.tasks:
        if task.serializer not in (None, "json", application.setting("task_serializer")):
            yield Bite(
                task.place,
                f"{task.name} has serializer={task.serializer!r}: the fleet's workers refuse it",
                "remove it, and pass arguments that JSON can carry",
            )


def rate_limit(snapshot: Snapshot) -> Iterator[Bite]:
    """Rates that hold for one worker only."""
    for task in snapshot.application.tasks:
        if task.rate_limit is not None:
            yield Bite(
                task.place,
                f"{task.name} has rate_limit={task.rate_limit!r}, which counts in each worker by "
                "itself: ten workers run ten times as many, and what is held back fills the "
                "worker's slots",
                "remove it, and give the task a queue of its own whose concurrency is the limit",
            )


def priority(snapshot: Snapshot) -> Iterator[Bite]:
    """Priorities, which SQS does not have."""
    application = snapshot.application
    what = "SQS has no priorities: messages come in about the order they were sent"
    remedy = "remove it, and give urgent tasks a queue of their own"
    for task in application.tasks:
        if task.priority is not None:
            yield Bite(task.place, f"{task.name} has a priority: {what}", remedy)
    of_all = application.setting("task_queue_max_priority")
    if of_all is not None:
        yield Bite("task_queue_max_priority", what, remedy)
    for queue in application.queues:
        if queue.max_priority not in (None, of_all):
            yield Bite(f"task_queues: {queue.name}", what, remedy)


def retries(snapshot: Snapshot) -> Iterator[Bite]:
    """Retries of autoretry_for, which wait."""
    application = snapshot.application
    if application.fleet is not None:
        return
    for task in application.tasks:
        if task.retries_seconds:
            yield Bite(
                task.place,
                f"{task.name} retries after up to {duration(task.retries_seconds)}: the retry is "
                "received at once and held in a worker's memory until it is due, where it comes "
                "twice when its visibility timeout lapses",
                f"{INSTALL}: a retry waits in SQS",
            )


def unrouted(snapshot: Snapshot) -> Iterator[Bite]:
    """Tasks that no queue takes."""
    fleet = snapshot.application.fleet
    if fleet is None:
        return
    for task in snapshot.application.tasks:
        if task.queue is None or task.queue not in fleet.queues:
            yield Bite(
                task.place,
                f"no queue of {fleet.path} takes {task.name}: sending it raises Unrouted",
                f'add it to a queue: tasks = ["{task.name}"]',
            )


def _visibility_seconds(snapshot: Snapshot, task: Task) -> float:
    """Return what hides the task's message: the queue's own attribute where it is known."""
    application = snapshot.application
    if snapshot.account is not None and task.queue is not None:
        found = snapshot.account.queues.get(stock_name(application, task.queue))
        if found is not None:
            return found.visibility_seconds
    return _declared_visibility(application)


def _declared_visibility(application: Application) -> float:
    value = application.options.get("visibility_timeout")
    try:
        return float(value) if value not in (None, "") else STOCK_VISIBILITY_SECONDS
    except (TypeError, ValueError):
        return STOCK_VISIBILITY_SECONDS
