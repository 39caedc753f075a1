"""The manifest as Celery settings, and the way in for an application that has its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kombu import Exchange, Queue

from worker import boot, results
from worker.fleet import Fleet, ManifestError, load
from worker.payloads import serializer
from worker.payloads.pointer import CONTENT_TYPE
from worker.refusal import in_one_line, refuse
from worker.sqs import transport

if TYPE_CHECKING:
    from celery import Celery


class Unrouted(LookupError):
    """A task that no queue of the manifest names; the text says what to add."""


def from_manifest() -> dict[str, Any]:
    """Load the manifest and return the settings; a bad manifest is refused in one line.

    Also makes the worker's start-up ready (``worker.boot``), for whichever app takes them.
    """
    try:
        fleet = load()
    except ManifestError as error:
        refuse(in_one_line(str(error)))
    boot.connect(fleet)
    return celery_settings(fleet)


def install(app: Celery, fleet: Fleet | None = None) -> Fleet:
    """Put an application that keeps its own configuration onto the fleet; return the manifest.

    Settings of the application that the fleet does not set stay as they are.
    """
    if fleet is None:
        try:
            fleet = load()
        except ManifestError as error:
            refuse(in_one_line(str(error)))
    boot.connect(fleet)
    settings = celery_settings(fleet)
    settings["imports"] = (*(app.conf.imports or ()), *settings["imports"])
    if fleet.results is None and app.conf.result_backend:
        del settings["result_backend"]
    app.conf.update(settings)
    return fleet


def celery_settings(fleet: Fleet) -> dict[str, Any]:
    """Return the Celery settings of a fleet, for producers and workers alike.

    What differs from queue to queue (slots, pool, limits) is set when a worker starts.
    """
    transport.register()
    serializer.register(fleet)
    accepted = ["json"] if fleet.payload_bucket is None else ["json", CONTENT_TYPE]
    direct = Exchange("", type="direct")
    return {
        "broker_url": f"{transport.SCHEME}://",
        "broker_transport_options": {transport.OPTION: fleet},
        "broker_connection_retry_on_startup": True,
        "imports": fleet.imports,
        # queues: the manifest's and no others
        "task_queues": [Queue(name, direct, routing_key=name) for name in fleet.queues],
        "task_default_queue": next(iter(fleet.queues)),
        "task_create_missing_queues": False,
        "task_routes": (Router(fleet),),
        # a message is deleted when its task has ended, and not before
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # what a dead child left in its pipe is read at once; Celery would wait ten seconds more
        "worker_lost_wait": 1.0,
        "worker_prefetch_multiplier": 1,
        "worker_consumer": "worker.consumer:Consumer",
        # JSON only; a pointer is JSON that leads to JSON
        "accept_content": accepted,
        "result_accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        # broadcasts, for which SQS has no means
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "worker_detect_quorum_queues": False,
        **results.settings(fleet),
    }


class Router:
    """A router of Celery's: the manifest's globs decide, and a task none of them names is refused.

    A queue given at the call wins over it, as with any router.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __call__(
        self,
        name: str,
        args: Any = None,
        kwargs: Any = None,
        options: Mapping[str, Any] | None = None,
        task: Any = None,
        **_: Any,
    ) -> dict[str, str]:
        """Return the queue of a task. Raises ``Unrouted``."""
        if options and options.get("queue"):
            return {}
        queue = self._fleet.route(name)
        if queue is None:
            raise Unrouted(
                f"{self._fleet.path}: queues: expected one whose tasks match {name}, found none: "
                f'add it to a queue\'s tasks, such as tasks = ["{name}"]'
            )
        return {"queue": queue}
