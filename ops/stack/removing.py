"""The end of stacks: refused while their queues hold work, and the fleet's shared one last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from ops import aws
from ops.errors import Exit, OpsError
from ops.stack import held as holding
from ops.stack.applied import Applied
from ops.stack.changes import Ended
from ops.stack.follow import delete
from ops.stack.forgetting import NodeItems
from ops.stack.pace import lag_seconds
from ops.stack.states import ABSENT
from ops.stack.there import read_there
from ops.stack.together import AT_ONCE, Stop, Told, work_all

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

    from ops.stack.held import Held
    from worker.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Removal:
    """The stacks to delete by queue, `shared` last and "" where it stays. A queue that left the
    manifest, whose stack is gone and whose nodes the registry still has, is one with the stack "".
    """

    fleet: Fleet
    client: CloudFormationClient
    sqs: SQSClient
    queues: Mapping[str, str]
    shared: str
    nodes: NodeItems
    held: tuple[Held, ...]
    """The queues with work, as counted at `counted_at`."""
    counted_at: float
    """By the monotonic clock, in seconds."""

    @classmethod
    def read(cls, fleet: Fleet, only: Sequence[str] = ()) -> Self:
        """Read what there is to delete: the stacks of queues `only`, or everything.

        Raises OpsError where a queue's stack is not there, and where a count or the registry cannot
        be read: unknown is not empty.
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
        removal = cls(
            fleet,
            client,
            aws.sqs(fleet),
            {queue: found.get(queue, "") for queue in chosen},
            "" if only else shared,
            nodes,
            (),
            0.0,
        )
        return removal.counted()

    @property
    def stacks(self) -> tuple[str, ...]:
        """All of them, in the order of their end."""
        return tuple(name for name in (*self.queues.values(), self.shared) if name)

    @property
    def pause_seconds(self) -> float:
        """How long from now another count would still tell of the same time as the last one."""
        lag = lag_seconds(self.sqs.meta.endpoint_url)
        return max(0.0, self.counted_at + lag - time.monotonic())

    def counted(self) -> Self:
        """Count what the queues hold. Raises OpsError."""
        counted = [one for queue in self.queues for one in holding.of_queue(self.fleet, queue)]
        if self.shared:
            counted += holding.of_shared(self.fleet)
        at = time.monotonic()
        return replace(self, held=holding.held(self.sqs, counted), counted_at=at)

    def counted_again(self) -> Self:
        """Count once more, as soon as SQS's counts may differ. Raises OpsError, also on Ctrl-C."""
        try:
            time.sleep(self.pause_seconds)
        except KeyboardInterrupt:
            raise OpsError("interrupted: nothing was deleted", Exit.INTERRUPTED) from None
        return self.counted()

    def carry_out(self, told: Told, *, force: bool = False) -> Applied:
        """Delete them, each after another look at its queues unless with `force`.

        Raises OpsError on Ctrl-C (exit 130).
        """
        work = {
            stack or queue: partial(self._queue, queue, stack, force)
            for queue, stack in self.queues.items()
        }
        done = _all(work, told)
        if not self.shared:
            return done
        if not done.well:
            return done.then(Applied(left=(self.shared,)))
        check = self._check(holding.of_shared(self.fleet), force=force)
        end = partial(delete, self.client, self.shared, check=check)
        return done.then(_all({self.shared: end}, told))

    def _queue(self, queue: str, stack: str, force: bool, stop: Stop) -> Ended:
        check = self._check(holding.of_queue(self.fleet, queue), force=force)
        ended = (
            delete(self.client, stack, stop, check) if stack else Ended(queue, "DELETE_COMPLETE")
        )
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

    def _check(self, counted: Sequence[holding.Counted], *, force: bool) -> Callable[[], str]:
        if force:
            return lambda: ""
        return lambda: holding.in_words(holding.held(self.sqs, counted))


def _all(work: Mapping[str, Callable[[Stop], Ended]], told: Told) -> Applied:
    ended, left = work_all(work, told)
    return Applied(tuple(ended), tuple(left))
