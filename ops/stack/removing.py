"""The end of stacks: refused while their queues hold work, and the fleet's shared one last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from ops import aws
from ops.errors import Exit, OpsError
from ops.queues.delayed import Backlog
from ops.stack import names
from ops.stack.applied import Applied
from ops.stack.changes import ABSENT
from ops.stack.follow import delete
from ops.stack.there import read_there
from ops.stack.together import AT_ONCE, Told, work_all

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Removal:
    """The stacks to delete, `shared` last and "" where it stays; `held` are queues with work."""

    client: CloudFormationClient
    queues: tuple[str, ...]
    shared: str
    held: tuple[str, ...]

    @classmethod
    def read(cls, fleet: Fleet, only: Sequence[str] = ()) -> Self:
        """Read what there is to delete: the stacks of queues `only`, or everything.

        Of the queues that are not empty each is a line in `held`. Raises OpsError where a queue's
        stack is not there, and where a count cannot be read: unknown is not empty.
        """
        client = aws.cloudformation(fleet, AT_ONCE)
        there = read_there(client, fleet.name)
        found = {one.queue: one for one in there.stacks.values() if one.status not in ABSENT}
        shared = found.pop("", None)
        absent = [name for name in only if name not in found]
        if absent:
            known = ", ".join(sorted(found)) or "none"
            raise OpsError(
                f"expected queues that have a stack ({known}), got {', '.join(absent)}: "
                "choose among them",
                Exit.USAGE,
            )
        chosen = list(dict.fromkeys(only)) or sorted(found)
        sqs = aws.sqs(fleet)
        counted = [name for queue in chosen for name in names.queues_of(fleet.name, queue)]
        if not only:
            counted += [fleet.delay_queue_name, fleet.delay_dead_letter_name]
        lines = (_held(sqs, name) for name in counted)
        return cls(
            client,
            tuple(found[queue].name for queue in chosen),
            "" if only or shared is None else shared.name,
            tuple(line for line in lines if line),
        )

    @property
    def stacks(self) -> tuple[str, ...]:
        """All of them, in the order of their end."""
        return (*self.queues, *([self.shared] if self.shared else []))

    def carry_out(self, told: Told) -> Applied:
        """Delete them. Raises OpsError on Ctrl-C (exit 130)."""
        done = self._delete(self.queues, told)
        if self.shared and done.well:
            return done.then(self._delete((self.shared,), told))
        return done.then(Applied(left=(self.shared,))) if self.shared else done

    def _delete(self, stacks: Sequence[str], told: Told) -> Applied:
        work = {name: partial(delete, self.client, name) for name in stacks}
        ended, left = work_all(work, told)
        return Applied(tuple(ended), tuple(left))


def _held(client: SQSClient, name: str) -> str:
    """Return what a queue holds, in words; "" where it is empty or not there."""
    found = _counts(client, name)
    if found is None or not (found.visible or found.hidden or found.delayed):
        return ""
    parts = [
        f"{count} {what}"
        for count, what in (
            (found.visible, "waiting"),
            (found.hidden, "in flight"),
            (found.delayed, "delayed"),
        )
        if count
    ]
    return f"{name} holds messages: {', '.join(parts)}"


def _counts(client: SQSClient, name: str) -> Backlog | None:
    from ops.queues.counts import backlog  # noqa: PLC0415

    with aws.aws_errors(f"looking for {name}"):
        try:
            client.get_queue_url(QueueName=name)
        except client.exceptions.QueueDoesNotExist:
            return None
    return backlog(client, name)
