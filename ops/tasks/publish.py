"""Publishing the calls of a file: the same flow to check it, and to send it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from celery import Celery

from ops.aws import aws_errors
from ops.errors import Exit, OpsError
from ops.tasks.lines import calls
from worker import publish
from worker.delays import TooFarAhead
from worker.payloads.store import PayloadRefused, PayloadUnavailable
from worker.settings import celery_settings
from worker.sqs.transport import QueueMissing

if TYPE_CHECKING:
    from worker.fleet import Fleet
    from worker.publish import Call, Report


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be published: a task's name, where its calls are read, and how they are sent."""

    task: str
    queue: str
    file: IO[bytes]
    #: the file's name, for errors
    place: str
    #: lines that are left out at the beginning
    skip: int = 0
    countdown_seconds: float | None = None
    eta: datetime | None = None

    def calls(self) -> Iterator[Call]:
        """Give the calls to be sent. Raises OpsError for a line that is none."""
        return calls(self.file, self.place, self.skip)

    @property
    def options(self) -> dict[str, Any]:
        """The options of ``apply_async``."""
        given = {"queue": self.queue, "countdown": self.countdown_seconds, "eta": self.eta}
        return {key: value for key, value in given.items() if value is not None}


def queue_of(fleet: Fleet, task: str, asked: str | None) -> str:
    """Return the queue a task is sent to. Raises OpsError (exit 2) if there is none."""
    if asked is None:
        routed = fleet.route(task)
        if routed is None:
            raise OpsError(
                f"{fleet.path}: queues: expected one whose tasks match {task}, found none: "
                "add it to a queue's tasks, or name a queue with --queue",
                Exit.USAGE,
            )
        return routed
    if asked not in fleet.queues:
        raise OpsError(
            f"--queue: expected one of {', '.join(fleet.queues)}, got {asked}", Exit.USAGE
        )
    return asked


def can_be_read_twice(file: IO[bytes]) -> bool:
    """Whether a file can be checked whole before the first line is sent: a pipe cannot."""
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def check(order: Order, on_line: Callable[[int], None]) -> int:
    """Read all lines and return how many calls would be sent. Raises OpsError for a wrong one."""
    count = 0
    for _ in order.calls():
        count += 1
        if count % 1000 == 0:
            on_line(count)
    return count


def send(fleet: Fleet, order: Order, on_progress: Callable[[int], None]) -> Report:
    """Publish the calls.

    Raises ``Interrupted``, OpsError before anything is sent, and ``Stopped`` afterwards.
    """
    app = Celery("ops", set_as_current=False)
    app.conf.update(celery_settings(fleet))
    with aws_errors(f"publishing {order.task}"):
        try:
            return publish.bulk(
                order.task,
                order.calls(),
                app=app,
                on_progress=lambda sent, refused: on_progress(sent + refused),
                **order.options,
            )
        except TooFarAhead as error:
            raise OpsError(str(error), Exit.USAGE) from error
        except (QueueMissing, PayloadRefused, PayloadUnavailable) as error:
            raise OpsError(str(error)) from error


def why(stopped: publish.Stopped, task: str) -> OpsError:
    """Return what stopped the publishing as `ops` says it."""
    cause = stopped.__cause__
    try:
        with aws_errors(f"publishing {task}"):
            raise stopped if cause is None else cause
    except OpsError as error:
        return error
    except Exception as error:
        return OpsError(f"{task}: {error}")
