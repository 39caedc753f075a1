"""The end of stacks: refused while their queues hold work, and the fleet's shared one last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from ops import aws
from ops.errors import Exit, OpsError
from ops.queues.delayed import Backlog
from ops.stack import names
from ops.stack.applied import Applied
from ops.stack.changes import Ended
from ops.stack.follow import delete
from ops.stack.forgetting import NodeItems
from ops.stack.states import ABSENT
from ops.stack.there import read_there
from ops.stack.together import AT_ONCE, Stop, Told, work_all

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Removal:
    """The stacks to delete by queue, `shared` last and "" where it stays; `held` are queues with
    work. A queue that left the manifest, whose stack is gone and whose nodes the registry still
    has, is one with the stack "".
    """

    client: CloudFormationClient
    queues: Mapping[str, str]
    shared: str
    held: tuple[str, ...]
    nodes: NodeItems

    @classmethod
    def read(cls, fleet: Fleet, only: Sequence[str] = ()) -> Self:
        """Read what there is to delete: the stacks of queues `only`, or everything.

        Of the queues that are not empty each is a line in `held`. Raises OpsError where a queue's
        stack is not there, and where a count or the registry cannot be read: unknown is not empty.
        """
        client = aws.cloudformation(fleet, AT_ONCE)
        there = read_there(client, fleet.name)
        found = {one.queue: one.name for one in there.stacks.values() if one.status not in ABSENT}
        shared = found.pop("", "")
        nodes = NodeItems(aws.dynamodb(fleet), fleet.registry_table, fleet.name)
        # Of a queue that is still in the manifest a group may be there without a stack of ours.
        stray = set(nodes.by_queue()) - set(found) - set(fleet.queues)
        absent = [name for name in only if name not in found and name not in stray]
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
            {queue: found.get(queue, "") for queue in chosen},
            "" if only else shared,
            tuple(line for line in lines if line),
            nodes,
        )

    @property
    def stacks(self) -> tuple[str, ...]:
        """All of them, in the order of their end."""
        return tuple(name for name in (*self.queues.values(), self.shared) if name)

    def carry_out(self, told: Told) -> Applied:
        """Delete them. Raises OpsError on Ctrl-C (exit 130)."""
        work = {
            stack or queue: partial(self._queue, queue, stack)
            for queue, stack in self.queues.items()
        }
        done = _all(work, told)
        if not self.shared:
            return done
        if not done.well:
            return done.then(Applied(left=(self.shared,)))
        return done.then(_all({self.shared: partial(delete, self.client, self.shared)}, told))

    def _queue(self, queue: str, stack: str, stop: Stop) -> Ended:
        ended = delete(self.client, stack, stop) if stack else Ended(queue, "DELETE_COMPLETE")
        if ended.well and ended.status == "DELETE_COMPLETE":
            try:
                self.nodes.forget(self.nodes.by_queue().get(queue, ()))
            except OpsError as error:
                failure = (
                    f"its nodes stay in the registry: {error}: once it has left the manifest, run "
                    f"ops stack destroy {queue} again"
                )
                return replace(ended, failure=failure)
        return ended


def _all(work: Mapping[str, Callable[[Stop], Ended]], told: Told) -> Applied:
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
