"""What a queue's settings can and cannot promise, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from worker.manifest.nodes import TASK_DRAIN, TASK_STOP, nodes_unused_by
from worker.manifest.queue import Queue
from worker.manifest.units import format_duration

# A lease is all that hides the work of a crashed worker; beyond this its queue's readers wait long.
_LONG_LEASE = timedelta(minutes=15)
_FEW_RECEIVES = 3


@dataclass(frozen=True, slots=True)
class Caution:
    """A setting that is allowed and has a price: the queue's key, and what it costs."""

    key: str
    text: str


def promises(queue: Queue) -> list[str]:
    """Return what the queue's pool keeps and what it cannot keep, one sentence an entry."""
    if queue.pool == "prefork":
        return [
            "prefork keeps every promise: time limits, lost leases and the end of the drain "
            "budget end one task and leave the others running, also under C code that never "
            "lets go of the interpreter",
        ]
    found = [
        f"{queue.pool} cannot end one task: at a time limit, at a lost lease that ends the task "
        "and at the end of the drain budget the worker hands back what it holds, flushes its "
        "deletes and leaves the process, for its supervisor to start again",
        "a task that holds the interpreter lock holds up the renewal of this worker's leases: "
        "past the lease another worker may run its tasks as well",
    ]
    if queue.pool == "solo":
        found.append(
            "solo keeps no poll open while a task runs: one message at a time, and none waits in "
            "the worker"
        )
    return found


def cautions(queue: Queue) -> list[Caution]:
    """Return the settings of a queue that are allowed and surprise people, with their price."""
    return list(_cautions(queue))


def _cautions(queue: Queue) -> Iterator[Caution]:
    time_limit = format_duration(queue.time_limit)
    if queue.soft_time_limit is not None and queue.pool != "prefork":
        yield Caution("soft_time_limit", f"ignored: {queue.pool} cannot interrupt a running task")
    if queue.max_receives < _FEW_RECEIVES:
        yield Caution(
            "max_receives",
            f"after {queue.max_receives} receives a message is a dead letter, and a drain or an "
            "interruption that hands it back costs one of them",
        )
    if queue.drain_budget < queue.time_limit:
        yield Caution(
            "drain_budget",
            f"tasks that still run {format_duration(queue.drain_budget)} after a drain began are "
            f"handed back and run again elsewhere (time_limit is {time_limit})",
        )
    for key in nodes_unused_by(queue.runtime):
        if key in queue.nodes.model_fields_set:
            yield Caution(f"nodes.{key}", f'nobody reads it with runtime = "{queue.runtime}"')
    if queue.runtime == "ecs" and min(queue.time_limit, queue.drain_budget) > TASK_DRAIN:
        yield Caution(
            "runtime",
            f"ECS ends a task {format_duration(TASK_STOP)} after it is told to stop, whatever the "
            "drain budget: at a deployment or an interruption what still runs after "
            f"{format_duration(TASK_DRAIN)} is handed back and runs again elsewhere (time_limit is "
            f"{time_limit}; the engine ends idle tasks alone)",
        )
    if queue.lease > _LONG_LEASE:
        yield Caution(
            "lease",
            f"after a crash its work stays hidden for up to {format_duration(queue.lease)}",
        )
    if queue.retention < queue.time_limit + queue.lease:
        yield Caution(
            "retention",
            f"SQS deletes a message {format_duration(queue.retention)} after it was sent, also "
            f"while its task runs (time_limit is {time_limit}): a crash then loses it",
        )
