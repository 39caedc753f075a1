"""What queues hold before their stacks are deleted: with them it would be lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops import aws
from ops.queues.delayed import Backlog
from ops.stack import names

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from worker.fleet import Fleet

_WAIT: Final = "let the workers finish them"
_DEAD: Final = "no worker takes them: move back what is to run (aws sqs start-message-move-task)"
_LATER: Final = "they are tasks for later (ops queues delayed): wait until they are due"
_JUNK: Final = "the forwarder could not hand them on, and nobody takes them: look at them"


@dataclass(frozen=True, slots=True)
class Held:
    """A queue that is not empty: what it holds, in words, and what helps."""

    name: str
    what: str
    helps: str

    def in_words(self) -> str:
        """Return it as a line."""
        return (
            f"{self.name}: expected no messages, found {self.what}: {self.helps}, or lose them "
            "with --force"
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """A queue by its name on SQS, with what helps where it holds messages."""

    name: str
    helps: str

    def held(self, client: SQSClient) -> Held | None:
        """Return what it holds, None where it is empty or not there.

        Raises OpsError where that cannot be read: unknown is not empty.
        """
        found = _counts(client, self.name)
        if found is None or not found.total:
            return None
        parts = [
            f"{count} {what}"
            for count, what in (
                (found.visible, "waiting"),
                (found.hidden, "in flight"),
                (found.delayed, "delayed"),
            )
            if count
        ]
        return Held(self.name, ", ".join(parts), self.helps)


def of_queue(fleet: Fleet, queue: str) -> tuple[Counted, ...]:
    """Return what ends with a queue's stack."""
    live, dead = names.queues_of(fleet.name, queue)
    return Counted(live, _WAIT), Counted(dead, _DEAD)


def of_shared(fleet: Fleet) -> tuple[Counted, ...]:
    """Return what ends with the shared stack."""
    return Counted(fleet.delay_queue_name, _LATER), Counted(fleet.delay_dead_letter_name, _JUNK)


def held(client: SQSClient, counted: Iterable[Counted]) -> tuple[Held, ...]:
    """Return the queues that hold messages. Raises OpsError."""
    found = (one.held(client) for one in counted)
    return tuple(one for one in found if one is not None)


def in_words(held: Iterable[Held]) -> str:
    """Return them, a line each; "" for none."""
    return "\n".join(one.in_words() for one in held)


def _counts(client: SQSClient, name: str) -> Backlog | None:
    from ops.queues.counts import backlog  # noqa: PLC0415

    with aws.aws_errors(f"looking for {name}"):
        try:
            client.get_queue_url(QueueName=name)
        except client.exceptions.QueueDoesNotExist:
            return None
    return backlog(client, name)
