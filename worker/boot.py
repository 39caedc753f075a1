"""A worker's start: which queue it serves, with what, and nothing by halves."""

from __future__ import annotations

import logging
import os
import sysconfig
import traceback
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from celery import signals
from celery.worker.request import Request as CeleryRequest
from kombu.utils.imports import symbol_by_name

from worker import address, notify
from worker.banner import banner
from worker.fleet import Fleet, Queue, UnknownQueueError
from worker.refusal import refuse
from worker.sqs.client import Sqs
from worker.sqs.errors import CALL_ERRORS, Trouble, describe, trouble

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)

_POOLS = {
    "threads": "worker.pools:ThreadPool",
    "solo": "worker.pools:SoloPool",
    "prefork": "celery.concurrency.prefork:TaskPool",
}


def connect(fleet: Fleet) -> None:
    """Have workers of this process start by the manifest. The last manifest connected counts."""
    boot = Boot(fleet)
    for signal, handler in (
        (signals.import_modules, boot.import_tasks),
        (signals.celeryd_init, boot.choose_queue),
        (signals.worker_init, boot.prepare),
    ):
        # disconnect() knows a receiver by its uid.
        signal.disconnect(dispatch_uid=f"fleet.{signal.name}")
        signal.connect(handler, weak=False, dispatch_uid=f"fleet.{signal.name}")


class Boot:
    """Handlers of Celery's start-up signals, in the order in which Celery sends them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._queue: Queue | None = None
        self._flags: Mapping[str, Any] = {}

    def import_tasks(self, sender: Celery, **_: Any) -> None:
        """Import the task modules; one that cannot be imported is named in one line."""
        for module in sender.conf.imports or ():
            try:
                sender.loader.import_task_module(module)
            except (Exception, SystemExit) as error:
                first = str(error).splitlines()[0] if str(error) else "no reason given"
                refuse(
                    f"{self._fleet.path}: imports: expected {module} to import, found "
                    f"{type(error).__name__}: {first}{_where(error)}: mend the module, or install "
                    "what it needs"
                )

    def choose_queue(self, conf: Any, options: dict[str, Any], **_: Any) -> None:
        """Check ``-Q`` and set what the queue's table says; a flag of the command line wins."""
        queue = self._queue = self._named(options.get("queues"))
        self._flags = options
        conf.worker_concurrency = queue.concurrency
        conf.worker_max_tasks_per_child = queue.max_tasks_per_child
        if queue.max_memory_per_child is not None:
            # Celery counts in KiB.
            conf.worker_max_memory_per_child = queue.max_memory_per_child // 1024

    def _named(self, queues: str | Sequence[str] | None) -> Queue:
        names = queues.split(",") if isinstance(queues, str) else list(queues or ())
        if len(names) != 1:
            found = f"{len(names)} ({', '.join(names)})" if names else "none"
            refuse(
                f"celery worker: -Q: expected one queue, found {found}: workers are isolated per "
                f"queue; start one for each of {', '.join(self._fleet.queues)}"
            )
        try:
            return self._fleet.queue(names[0])
        except UnknownQueueError as error:
            refuse(f"celery worker: -Q: {error}")

    def prepare(self, sender: Any, **_: Any) -> None:
        """Set the pool, tie tasks to the fleet's request, look the queue up, add the warden."""
        queue = self._queue
        if queue is None:  # a worker started from code, without the command line
            queue = self._queue = self._named(sender.app.amqp.queues.consume_from.keys())
        try:
            sender.fleet_address = address.wanted(self._fleet.metrics, os.environ)
        except address.BadAddress as error:
            refuse(f"celery worker: {error}")
        sender.fleet_supervisor = notify.take()
        sqs = Sqs(self._fleet, send_attempts=3)
        self._look_up(queue, sqs)
        sender.pool_cls = _pool(sender.pool_cls, queue)
        if sender.pool_cls is symbol_by_name(_POOLS["solo"]):
            sender.concurrency = 1
        sender.time_limit = self._flags.get("time_limit") or _seconds(queue.time_limit)
        sender.soft_time_limit = self._flags.get("soft_time_limit") or _seconds(
            queue.soft_time_limit
        )
        sender.app.finalize()
        for task in sender.app.tasks.values():
            task.Request = request_class(task.Request)
            # A limit of the task's own stands.
            if task.time_limit is None:
                task.time_limit = sender.time_limit
            if task.soft_time_limit is None:
                task.soft_time_limit = sender.soft_time_limit
        from worker.warden import WardenStep  # noqa: PLC0415  # needs the consumer's steps loaded

        sender.app.steps["consumer"].add(WardenStep)

        pool = next(word for word, at in _POOLS.items() if symbol_by_name(at) is sender.pool_cls)
        sender.startup_info = lambda artlines=True: banner(
            sender, self._fleet, queue, pool, _endpoint(sqs), art=artlines
        )

    def _look_up(self, queue: Queue, sqs: Sqs) -> None:
        """Refuse queues that are not there. A broker out of reach is waited for instead."""
        for name in (
            self._fleet.physical_name(queue.name),
            self._fleet.dead_letter_name(queue.name),
        ):
            if not self._found(sqs, name):
                return

    def _found(self, sqs: Sqs, name: str) -> bool:
        try:
            sqs.queue_url(name)
        except CALL_ERRORS as error:
            kind = trouble(error)
            if kind is Trouble.NO_QUEUE:
                refuse(
                    f"celery worker: queue {name}: expected in SQS, not found there: "
                    "create it with `ops queues apply --yes`"
                )
            if type(error).__name__ == "NoRegionError":
                refuse(
                    f"{self._fleet.path}: region: expected a region, found none: "
                    'set it (region = "eu-west-1"), or AWS_REGION'
                )
            if kind is Trouble.DENIED:
                refuse(
                    f"celery worker: queue {name}: expected to be allowed sqs:GetQueueUrl, "
                    f"found {describe(error)}: give this role the worker's policy"
                )
            logger.warning("queue %s: not looked up yet: %s", name, describe(error))
            return False
        return True


def _endpoint(sqs: Sqs) -> str:
    try:
        return str(sqs.client().meta.endpoint_url)
    except CALL_ERRORS as error:
        return f"? ({describe(error)})"


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _pool(found: Any, queue: Queue) -> Any:
    """Return the pool class: the command line's if it names one, else the manifest's."""
    context = click.get_current_context(silent=True)
    source = context.get_parameter_source("pool") if context is not None else None
    if source is not None and source is not click.core.ParameterSource.DEFAULT:
        module = symbol_by_name(found).__module__ if isinstance(found, str) else found.__module__
        chosen = {
            "celery.concurrency.thread": "threads",
            "celery.concurrency.solo": "solo",
            "celery.concurrency.prefork": "prefork",
        }.get(module)
        if chosen is None:
            refuse(
                f"celery worker: -P: expected prefork, threads or solo, found {module}: "
                "leave it out, or set the queue's pool in the manifest"
            )
        return symbol_by_name(_POOLS[chosen])
    return symbol_by_name(_POOLS[queue.pool])


def request_class(found: Any) -> type:
    """Return the fleet's request for a task; one with a request of its own keeps it beneath."""
    from worker.request import Request  # noqa: PLC0415  # Celery's own import order

    cls: type = symbol_by_name(found)
    if issubclass(cls, Request):
        return cls
    if cls is CeleryRequest:
        return Request
    return type(f"Fleet{cls.__name__}", (Request, cls), {})


def _where(error: BaseException) -> str:
    """Say in which line of the application an import failed; "" where none of its lines did."""
    if isinstance(error, SyntaxError):
        return ""  # its own words have the place
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    # The first frame is ours.
    frames = [
        f" ({os.path.relpath(frame.f_code.co_filename)}:{line})"
        for frame, line in list(traceback.walk_tb(error.__traceback__))[1:]
        if not frame.f_code.co_filename.startswith("<")
        and not any(Path(frame.f_code.co_filename).is_relative_to(each) for each in libraries)
    ]
    return frames[-1] if frames else ""
