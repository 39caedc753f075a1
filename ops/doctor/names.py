"""The names that queues have on SQS, with stock kombu and on the fleet."""

from __future__ import annotations

import string
from typing import Final

from ops.doctor.snapshot import Application

# As kombu's channel names a queue (kombu.transport.SQS, Channel.entity_name): a dot becomes a
# hyphen, other punctuation an underscore, and FIFO's ending stays.
_TO_SQS: Final = {ord(c): "-" if c == "." else "_" for c in string.punctuation if c not in "-_"}


def stock_name(application: Application, queue: str) -> str:
    """Return the queue's name on SQS as stock kombu has it."""
    urls = application.options.get("predefined_queues")
    if isinstance(urls, dict) and urls.get(queue):
        return str(urls[queue]).rstrip("/").rpartition("/")[2]
    prefix = application.options.get("queue_name_prefix") or ""
    name = f"{prefix}{queue}"
    fifo = ".fifo" if name.endswith(".fifo") else ""
    return name.removesuffix(fifo).translate(_TO_SQS) + fifo


def wanted_names(application: Application) -> list[str]:
    """Return the queues that the application's workers read, by their names on SQS.

    On the fleet also the one in which waits what SQS itself cannot delay for so long.
    """
    fleet = application.fleet
    if fleet is not None:
        return [*map(fleet.physical_name, fleet.queues), fleet.delay_queue_name]
    if application.broker != "sqs":
        return []
    used = {queue.name for queue in application.queues}
    used |= {task.queue for task in application.tasks if task.queue is not None}
    return sorted({stock_name(application, queue) for queue in used})
