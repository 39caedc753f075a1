"""A `fleet.toml` for an application as it is: its queues, limits and schedules. Pure."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from ops.doctor.routing import exactly, globs, legal, named, routes
from ops.doctor.snapshot import Application, Entry, Module, Task
from worker.manifest.checks import LONGEST_HOLD
from worker.manifest.fields import MODULE_PATTERN, REGION_PATTERN
from worker.manifest.fleet import Fleet
from worker.manifest.problems import ManifestError, dotted
from worker.manifest.reading import build
from worker.manifest.units import format_duration

# With the lease a queue has unless it says otherwise.
_LONGEST_LIMIT: Final = LONGEST_HOLD - timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_SMALLEST_KIB: Final = 32 << 10


def propose(application: Application, modules: Sequence[Module], region: str | None) -> str:
    """Return a manifest for the application, with a comment wherever a person must decide.

    `region` stands where the application names none. What it returns can be loaded.
    """
    queues = routes(application, modules) or {application.default_queue: []}
    called = [queue for queue in named(application, modules) if queue not in queues]
    by_queue = globs(queues) if any(queues.values()) else {application.default_queue: ["*"]}
    text = _written(application, queues, by_queue, called, region)
    try:
        built(text)
    except ManifestError:
        # Every task by its own name: nothing can overlap then.
        names = {queue: [exactly(name) for name in tasks] for queue, tasks in queues.items()}
        text = _written(application, queues, names, called, region)
    return text


def built(text: str) -> Fleet:
    """Return the fleet that a proposal declares. Raises ManifestError."""
    return build(tomllib.loads(text), Path("fleet.toml"))


def _written(
    application: Application,
    queues: Mapping[str, Sequence[str]],
    by_queue: Mapping[str, Sequence[str]],
    called: Sequence[str],
    region: str | None,
) -> str:
    lines = [
        "# Proposed by ops doctor: read it, then ops manifest check, ops queues apply.",
        f"name = {_toml(legal(application.name, 'app'))}",
        *_region(application, region),
        *_imports(application),
    ]
    names: dict[str, str] = {}
    for queue in queues:
        names[queue] = legal(queue, "tasks", names.values())
    if application.opaque_routes:
        lines += [
            "",
            f"# {application.opaque_routes} routes are code or regular expressions: the tasks",
            "# below are where they lead today.",
        ]
    for queue, tasks in by_queue.items():
        lines += ["", *_queue(application, names[queue], queue, tasks, queues[queue])]
    for queue in called:
        names[queue] = legal(queue, "tasks", names.values())
        lines += [
            "",
            "# Only calls with queue= lead here; no task's name does. Name its tasks, or rename",
            f"# {_plain(queue)} at the call.",
            f"[queues.{names[queue]}]",
            f"tasks = {_toml([f'{names[queue]}.none'])}",
        ]
    lines += _schedules(application)
    return "\n".join(lines) + "\n"


def _region(application: Application, region: str | None) -> Iterator[str]:
    named = application.options.get("region") or region
    if isinstance(named, str) and re.fullmatch(REGION_PATTERN, named):
        yield f"region = {_toml(named)}"
    else:
        yield '# region = "eu-west-1"  # else AWS_REGION decides'


def _imports(application: Application) -> Iterator[str]:
    modules = {t.module for t in application.tasks if re.fullmatch(MODULE_PATTERN, t.module)}
    modules -= {"__main__"}
    if modules:
        yield f"imports = {_toml(sorted(modules))}"


def _queue(
    application: Application, name: str, queue: str, tasks: Sequence[str], task_names: Sequence[str]
) -> Iterator[str]:
    if name != queue:
        yield f"# The application calls it {_plain(queue)}: change its queue= to {name}."
    yield f"[{dotted('queues', name)}]"
    yield f"tasks = {_toml(list(tasks))}"
    own = [task for task in application.tasks if task.name in set(task_names)]
    yield from _pool(application)
    yield from _limits(own)


def _pool(application: Application) -> Iterator[str]:
    pool = application.setting("worker_pool")
    pool = pool if pool in ("threads", "solo") else "prefork"
    if pool == "prefork":
        yield '# pool = "threads" suits tasks that wait for others and have timeouts of their own'
    else:
        yield f"pool = {_toml(pool)}"
    slots = application.setting("worker_concurrency")
    if pool != "solo" and _is_count(slots, 1000):
        yield f"concurrency = {slots}"
    if pool == "prefork":
        tasks = application.setting("worker_max_tasks_per_child")
        if _is_count(tasks):
            yield f"max_tasks_per_child = {tasks}"
        kib = application.setting("worker_max_memory_per_child")
        if _is_count(kib) and kib >= _SMALLEST_KIB:
            yield f'max_memory_per_child = "{kib}KiB"'


def _limits(tasks: Sequence[Task]) -> Iterator[str]:
    hard = _longest([t.time_limit_seconds for t in tasks])
    soft = _longest([t.soft_time_limit_seconds for t in tasks])
    unlimited = [t.name for t in tasks if t.time_limit_seconds is None]
    if hard is None and soft is not None and soft >= _HOUR:
        hard = soft + timedelta(minutes=1)
    if unlimited:
        yield (
            f"# Nothing limits {_plain(unlimited[0])}{_more(unlimited)} today: set time_limit "
            "above the longest."
        )
    if hard is None:
        yield '# time_limit = "1h"'
    elif hard > _LONGEST_LIMIT:
        yield f"# {format_duration(hard)} today, which is more than SQS can hide a message for."
        yield f"time_limit = {_toml(format_duration(_LONGEST_LIMIT))}"
    else:
        yield f"time_limit = {_toml(format_duration(hard))}"
    if soft is not None and soft < min(hard or _HOUR, _LONGEST_LIMIT):
        yield f"# soft_time_limit = {_toml(format_duration(soft))}  # prefork only"


def _schedules(application: Application) -> Iterator[str]:
    taken: list[str] = []
    for entry in application.schedules:
        yield ""
        if entry.cron is None:
            yield f"# {_plain(entry.name)} ({_plain(entry.task)}) {_plain(entry.problem)}."
            continue
        taken.append(legal(entry.name, "schedule", taken))
        yield from _schedule(application, taken[-1], entry)


def _schedule(application: Application, name: str, entry: Entry) -> Iterator[str]:
    if entry.left_out:
        yield f"# Its options {_plain(', '.join(entry.left_out))} are left out."
    if entry.queue is not None:
        yield f"# It was sent to {_plain(entry.queue)}; now its task's name decides."
    yield f"[{dotted('schedules', name)}]"
    yield f"cron = {_toml(entry.cron)}"
    if application.timezone not in ("UTC", "utc"):
        yield f"timezone = {_toml(application.timezone)}"
    yield f"task = {_toml(entry.task)}"
    if entry.args:
        yield f"args = {_toml(list(entry.args))}"
    if entry.kwargs:
        yield f"kwargs = {_toml(entry.kwargs)}"


def _longest(seconds: Sequence[float | None]) -> timedelta | None:
    known = [s for s in seconds if s is not None and s > 0]
    return timedelta(seconds=math.ceil(max(known))) if known else None


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _is_count(value: Any, at_most: int | None = None) -> bool:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return False
    return at_most is None or value <= at_most


def _plain(text: str) -> str:
    """Return text for a comment: on one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _toml(value: Any) -> str:
    """Write a value as TOML does."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_toml(key)} = {_toml(v)}" for key, v in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
