"""Send one firing to its queue on SQS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.schedules.envelope import envelope, firing_id
from ops.schedules.firings import stamp
from worker.sqs.errors import CALL_ERRORS, Trouble, describe, trouble

if TYPE_CHECKING:
    from ops.schedules.due import Firing
    from worker.fleet import Fleet
    from worker.sqs.client import Sqs


@dataclass(frozen=True, slots=True)
class Sent:
    """A firing that SQS has taken."""

    firing: Firing
    queue: str
    task_id: str

    def as_data(self) -> dict[str, str]:
        """Return it as texts by name, in the order of a line of the log."""
        schedule = self.firing.schedule
        return {
            "at": stamp(self.firing.at),
            "schedule": schedule.name,
            "task": schedule.task,
            "queue": self.queue,
            "id": self.task_id,
        }


class NotSent(Exception):
    """A firing of which SQS has not said that it has it; `str()` is a line with the remedy."""

    def __init__(self, line: str, why: Trouble) -> None:
        super().__init__(line)
        self.why = why


def name_of(firing: Firing) -> str:
    """Return a firing's name: its schedule and its time."""
    return f"{firing.schedule.name} of {stamp(firing.at)}"


def send(fleet: Fleet, sqs: Sqs, firing: Firing) -> Sent:
    """Send the firing once. Raises NotSent; it may have been sent all the same."""
    schedule = firing.schedule
    queue = fleet.route(schedule.task)
    assert queue is not None  # noqa: S101  # the manifest was checked for it
    name = fleet.physical_name(queue)
    task_id = firing_id(fleet, schedule, firing.at)
    body = envelope(fleet, schedule, task_id, stamp(firing.at))
    try:
        answer = sqs.client().send_message(QueueUrl=sqs.queue_url(name), MessageBody=body)
        # botocore takes an answer cut short for one that says nothing: that is a KeyError here.
        answer["MessageId"]
    except CALL_ERRORS as error:
        why = trouble(error)
        if why is Trouble.CREDENTIALS:
            sqs.refresh()
        raise NotSent(_explained(firing, name, error), why) from error
    return Sent(firing, name, task_id)


def _explained(firing: Firing, queue: str, error: Exception) -> str:
    doing = f"sending {name_of(firing)}"
    if trouble(error) is Trouble.NO_QUEUE:
        return f"{doing}: queue {queue}: expected on SQS, got none: ops queues apply --yes"
    try:
        with aws_errors(doing):
            raise error
    except OpsError as explained:
        return str(explained)
    except CALL_ERRORS:
        return f"AWS: {doing}: {describe(error)}"
