"""From a loaded Celery application to plain facts. Runs in the process that loaded it."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ops.doctor.entries import entries
from ops.doctor.scan import shown
from ops.doctor.snapshot import Application, DeclaredQueue, Task
from worker import results
from worker.fleet import Fleet
from worker.payloads.pointer import CONTENT_TYPE
from worker.sqs.transport import OPTION, SCHEME

if TYPE_CHECKING:
    from celery import Celery

# What the rules and the proposal read, and nothing else: settings hold secrets.
_SETTINGS: Final = (
    "accept_content",
    "beat_scheduler",
    "event_serializer",
    "result_accept_content",
    "result_serializer",
    "task_acks_late",
    "task_acks_on_failure_or_timeout",
    "task_always_eager",
    "task_create_missing_queues",
    "task_default_queue",
    "task_ignore_result",
    "task_protocol",
    "task_queue_max_priority",
    "task_reject_on_worker_lost",
    "task_send_sent_event",
    "task_serializer",
    "task_soft_time_limit",
    "task_time_limit",
    "worker_concurrency",
    "worker_enable_remote_control",
    "worker_max_memory_per_child",
    "worker_max_tasks_per_child",
    "worker_pool",
    "worker_prefetch_multiplier",
    "worker_send_task_events",
)
_OURS: Final = ("worker", "ops")


def collect(app: Celery, folder: Path, home: Path) -> Application:
    """Return what there is to know of an application.

    `folder` is where it was started, `home` where this project's packages lie.
    """
    conf = app.conf
    options = conf.broker_transport_options or {}
    fleet = options.get(OPTION)
    broker = str(conf.broker_write_url or "")
    tasks = tuple(_tasks(app, folder))
    main = folder.name if app.main in (None, "", "__main__", "default") else str(app.main)
    files = {file for task in _own(app) if (file := _file(task)) is not None}
    settings = {name: _plain(conf.get(name)) for name in _SETTINGS}
    # A pointer is JSON that leads to JSON.
    accepted = [c for c in conf.accept_content or () if c != CONTENT_TYPE]
    settings["accept_content"] = _plain(accepted)
    settings["broker_transport_options"] = {str(k): _option(k, v) for k, v in options.items()}
    routes, opaque = _routes(conf.task_routes)
    return Application(
        name=main,
        settings=settings,
        broker=urlsplit(broker).scheme or "amqp",
        broker_has_keys=_has_keys(broker),
        result_backend=_backend(conf.result_backend, fleet),
        tasks=tasks,
        queues=tuple(_queues(app)),
        routes=tuple(routes),
        opaque_routes=opaque,
        schedules=tuple(entries(app)),
        taken=taken(folder, home),
        roots=tuple(str(root) for root in _roots(files, folder, home)),
        task_files=tuple(sorted(str(file) for file in files)),
        timezone=str(app.timezone),
        fleet=fleet if isinstance(fleet, Fleet) else None,
        through_fleet=urlsplit(broker).scheme == SCHEME,
    )


def _own(app: Celery) -> list[Any]:
    return [task for name, task in sorted(app.tasks.items()) if not name.startswith("celery.")]


def _tasks(app: Celery, folder: Path) -> Iterator[Task]:
    for task in _own(app):
        code = _code(task)
        file = _file(task)
        place = task.__module__ if code is None or file is None else shown(file, folder)
        yield Task(
            name=task.name,
            function=getattr(code, "co_name", "") or task.__name__,
            place=place if code is None else f"{place}:{code.co_firstlineno}",
            module=task.__module__,
            queue=_queue_of(app, task),
            acks_late=bool(task.acks_late),
            reject_on_worker_lost=bool(task.reject_on_worker_lost),
            serializer=task.serializer,
            time_limit_seconds=_first(task.time_limit, app.conf.task_time_limit),
            soft_time_limit_seconds=_first(task.soft_time_limit, app.conf.task_soft_time_limit),
            rate_limit=None if task.rate_limit is None else str(task.rate_limit),
            priority=getattr(task, "priority", None),
            retries_seconds=_retries(task),
            retry_delay_seconds=float(task.default_retry_delay or 0),
        )


def _code(task: Any) -> Any:
    """Return the code of the task's function, below what autoretry_for wraps around it."""
    return getattr(inspect.unwrap(task.run), "__code__", None)


def _file(task: Any) -> Path | None:
    code = _code(task)
    if code is not None:
        return Path(code.co_filename).resolve()
    module = getattr(sys.modules.get(task.__module__), "__file__", None)
    return None if module is None else Path(module).resolve()


def _queue_of(app: Celery, task: Any) -> str | None:
    own = getattr(task, "queue", None)
    if own is not None:
        return str(getattr(own, "name", own))
    try:
        route = app.amqp.router.route({}, task.name, task_type=task)
    except Exception:  # routers are the application's code; the manifest's raises where none fits
        return None
    queue = route.get("queue")
    if queue is not None:
        return str(queue.name)
    key = route.get("routing_key")
    named = [q.name for q in app.amqp.queues.values() if q.routing_key == key]
    return str(named[0] if named else app.conf.task_default_queue)


def _retries(task: Any) -> float | None:
    if not getattr(task, "autoretry_for", None):
        return None
    if getattr(task, "retry_backoff", False):
        return float(getattr(task, "retry_backoff_max", 600))
    return float(task.default_retry_delay or 0)


def _queues(app: Celery) -> Iterator[DeclaredQueue]:
    declared = {getattr(q, "name", q) for q in app.conf.task_queues or ()}
    for name, queue in app.amqp.queues.items():
        arguments = queue.queue_arguments or {}
        yield DeclaredQueue(
            str(name),
            str(getattr(queue.exchange, "type", "direct")),
            queue.max_priority or arguments.get("x-max-priority"),
            name in declared,
        )


def _routes(routes: Any) -> tuple[list[tuple[str, str]], int]:
    """Return the routes that are names and globs, and how many are neither."""
    found: list[tuple[str, str]] = []
    opaque = 0
    for router in routes if isinstance(routes, list | tuple) else [routes] if routes else []:
        pairs = router.items() if isinstance(router, Mapping) else router
        if isinstance(pairs, str) or not hasattr(pairs, "__iter__"):
            opaque += 1
            continue
        for pattern, target in pairs:
            queue = target.get("queue") if isinstance(target, Mapping) else target
            name = getattr(queue, "name", queue)
            if isinstance(pattern, str) and isinstance(name, str):
                found.append((pattern, name))
            else:
                opaque += 1
    return found, opaque


def taken(folder: Path, home: Path) -> dict[str, str]:
    """Return modules in the application's folder that a worker started there takes for ours.

    The module's name, and its file.
    """
    if folder == home:
        return {}
    found = [(n, f) for n in _OURS for f in (folder / f"{n}.py", folder / n / "__init__.py")]
    return {name: shown(file, folder) for name, file in found if file.exists()}


def _roots(files: set[Path], folder: Path, home: Path) -> list[Path]:
    """Return the folders of the application's code: where it was started, or its packages'."""
    if not files or any(file.is_relative_to(folder) for file in files):
        return [folder]
    tops = {_top(file) for file in files if "site-packages" not in file.parts}
    return sorted(top for top in tops if not home.is_relative_to(top))


def _top(file: Path) -> Path:
    top = file.parent
    while (top.parent / "__init__.py").exists():
        top = top.parent
    return top


def _has_keys(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.username or parts.password)
    except ValueError:  # keys with a slash in them end the host part early
        return "@" in url


def _backend(backend: Any, fleet: Fleet | None) -> str | None:
    if fleet is not None and backend == results.settings(fleet)["result_backend"]:
        return None if fleet.results is None else fleet.results.backend
    if not backend:
        return None
    return str(backend).partition("://")[0].partition(":")[0] if isinstance(backend, str) else "?"


def _option(key: Any, value: Any) -> Any:
    """Return a transport option; of predefined queues only their URLs, for they hold keys."""
    if key == "predefined_queues" and isinstance(value, Mapping):
        return {str(n): str(q.get("url", "")) for n, q in value.items() if isinstance(q, Mapping)}
    known = ("visibility_timeout", "region", "queue_name_prefix")
    return _plain(value) if key in known else None


def _first(*values: Any) -> float | None:
    return next((float(v) for v in values if v is not None), None)


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return type(value).__name__
