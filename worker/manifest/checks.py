"""What does not go together in a manifest: pure checks across a queue's keys, and across queues."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from worker.manifest.problems import Problem, dotted, quoted
from worker.manifest.scaling_checks import scaling_conflicts
from worker.manifest.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from worker.manifest.queue import Queue
    from worker.manifest.schedule import Schedule

# "The maximum is 12 hours from the time Amazon SQS receives the ReceiveMessage request":
# a lease cannot be renewed past it, so the last renewal must outlive the hard limit.
LONGEST_HOLD = timedelta(hours=12)

# SQS queue names.
LONGEST_NAME_CHARACTERS = 80

_PREFORK_ONLY = ("max_tasks_per_child", "max_memory_per_child")
_NOT_FOR_SOLO = ("concurrency", "prefetch")

_RESERVED_NAMES = {
    "delayed": "the fleet keeps tasks that must wait long in a queue of that name",
    "dlq": "names that end so are the dead-letter queues'",
}


def queue_conflicts(queue: Queue) -> list[Problem]:
    """Return what contradicts itself in one queue; places are relative to the queue's table."""
    return [*_time_conflicts(queue), *_pool_conflicts(queue), *scaling_conflicts(queue)]


def fleet_conflicts(fleet_name: str, queues: Mapping[str, Queue]) -> list[Problem]:
    """Return what contradicts itself between queues; places are dotted keys from the top."""
    problems = [
        problem
        for key, queue in queues.items()
        for problem in _name_conflicts(fleet_name, key, queue.name)
    ]
    problems.extend(_routing_conflicts(queues))
    longest = f"{fleet_name}-delayed-dlq"
    if len(longest) > LONGEST_NAME_CHARACTERS:
        problems.append(
            Problem(
                "name",
                f"expected {longest} to have at most {LONGEST_NAME_CHARACTERS} characters, "
                f"got {len(longest)}",
                "shorten it (SQS allows no longer name)",
            )
        )
    return problems


def schedule_conflicts(
    schedules: Mapping[str, Schedule], route: Callable[[str], str | None]
) -> list[Problem]:
    """Return the schedules whose task no queue takes; places are dotted keys from the top."""
    return [
        Problem(
            dotted("schedules", name, "task"),
            f"expected a task that a queue's tasks match, got {quoted(schedule.task)}",
            f"correct it, or add it to a queue: tasks = [{quoted(schedule.task)}]",
        )
        for name, schedule in schedules.items()
        if route(schedule.task) is None
    ]


def unused_by(pool: object) -> tuple[str, ...]:
    """Return the keys a pool has no use for, which a queue therefore does not inherit."""
    if pool == "prefork":
        return ()
    return (*_PREFORK_ONLY, *_NOT_FOR_SOLO) if pool == "solo" else _PREFORK_ONLY


def is_glob(pattern: str) -> bool:
    """Say whether a routing pattern has wildcards; without them it is one task's exact name."""
    return any(wildcard in pattern for wildcard in "*?[")


def _time_conflicts(queue: Queue) -> Iterator[Problem]:
    hold = queue.time_limit + queue.lease
    if hold > LONGEST_HOLD:
        yield Problem(
            "time_limit",
            f"expected time_limit + lease of at most 12h, got {format_duration(hold)}",
            "shorten one of them (SQS hides a message for at most 12 h from its receive)",
        )
    if queue.soft_time_limit is not None and queue.soft_time_limit >= queue.time_limit:
        yield Problem(
            "soft_time_limit",
            f"expected less than time_limit ({format_duration(queue.time_limit)}), "
            f"got {format_duration(queue.soft_time_limit)}",
            "shorten it, or lengthen time_limit",
        )


def _pool_conflicts(queue: Queue) -> Iterator[Problem]:
    if queue.pool == "solo" and queue.concurrency != 1:
        yield Problem(
            "concurrency",
            f'expected 1 with pool = "solo", got {queue.concurrency}',
            "remove it (solo runs one task at a time), or choose another pool",
        )
    if queue.pool == "solo" and queue.prefetch == "auto":
        yield Problem(
            "prefetch",
            'expected 1 with pool = "solo", got "auto"',
            "remove it (solo keeps no poll open while a task runs), or choose another pool",
        )
    for key in _PREFORK_ONLY:
        if queue.pool != "prefork" and getattr(queue, key) is not None:
            yield Problem(
                key,
                f'expected pool = "prefork", got {quoted(queue.pool)}',
                "remove it (this pool has no child processes), or choose prefork",
            )


def _name_conflicts(fleet_name: str, key: str, name: str) -> Iterator[Problem]:
    place = dotted("queues", key)
    if name != key:
        yield Problem(place, f"expected its name to be its key, got {quoted(name)}", "rename one")
    reason = _RESERVED_NAMES["dlq"] if name.endswith("-dlq") else _RESERVED_NAMES.get(name)
    if reason is not None:
        yield Problem(place, f"expected a free name, got {name}", f"rename it ({reason})")
    longest = f"{fleet_name}-{name}-dlq"
    if len(longest) > LONGEST_NAME_CHARACTERS:
        yield Problem(
            place,
            f"expected {longest} to have at most {LONGEST_NAME_CHARACTERS} characters, "
            f"got {len(longest)}",
            "shorten the fleet's or the queue's name (SQS allows no longer one)",
        )


def _routing_conflicts(queues: Mapping[str, Queue]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, queue in queues.items():
        for index, pattern in enumerate(queue.tasks):
            place = dotted("queues", name, "tasks", index)
            if pattern in seen:
                yield Problem(
                    place,
                    f"expected each glob once, got {quoted(pattern)} again",
                    f"remove it here or in {dotted('queues', seen[pattern])}.tasks",
                )
                continue
            taken = next((p for p in seen if seen[p] != name and _covers(p, pattern)), None)
            if taken is not None:
                yield Problem(
                    place,
                    f"expected a glob that something can reach, got {quoted(pattern)}, all of "
                    f"which {quoted(taken)} of {dotted('queues', seen[taken])} takes first",
                    f"move {dotted('queues', name)} above {dotted('queues', seen[taken])}",
                )
            seen[pattern] = name


def _covers(earlier: str, later: str) -> bool:
    """Say whether every name `later` matches is matched by `earlier`, where that is certain.

    Exact names are looked at before globs, so they cover nothing and nothing covers them. Between
    globs the answer is only sought where `*` is the earlier one's only wildcard and the later one
    has no character class: there, matching the later glob's text is the same question.
    """
    if not is_glob(earlier) or not is_glob(later):
        return False
    if "?" in earlier or "[" in earlier or "[" in later:
        return False
    return fnmatchcase(later, earlier)
