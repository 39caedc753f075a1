"""A forwarder of a fleet, put together: for the command line and for the Lambda."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors, dynamodb, sqs_calls
from ops.errors import OpsError
from ops.queues.forwarder import Forwarder
from ops.queues.moves import Mover
from ops.queues.room import Room
from ops.queues.waiting_table import WaitingTable
from worker.sqs.errors import CALL_ERRORS, Trouble, trouble

if TYPE_CHECKING:
    from ops.queues.tally import Tally
    from worker.fleet import Fleet

#: How long after the end was asked for changes may still get into the table of what waits.
TABLE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Forward:
    """A running forwarder, what it counts, and the table it writes."""

    forwarder: Forwarder
    tally: Tally
    table: WaitingTable

    def end(self) -> bool:
        """Move on what is in hand, then write the table; False if messages are still in hand."""
        until = time.monotonic() + TABLE_SECONDS
        finished = self.forwarder.stop()
        self.table.close(max(0.1, until - time.monotonic()))
        return finished


def start(fleet: Fleet, *, once: bool, within_seconds: float | None = None) -> Forward:
    """Start a forwarder; with ``once`` it ends when the delay queue shows nothing more.

    It receives nothing more after ``within_seconds``. Raises OpsError where the delay queue is
    not there, or AWS does not answer.
    """
    calls = sqs_calls(fleet)
    name = fleet.delay_queue_name
    rng = Random()  # noqa: S311  # spreads retries

    def url() -> str:
        return calls.queue_url(name)

    try:
        with aws_errors(f"looking for {name}"):
            url()
    except OpsError as error:
        cause = error.__cause__
        if isinstance(cause, CALL_ERRORS) and trouble(cause) is Trouble.NO_QUEUE:
            raise OpsError(
                f"{name}: expected in SQS, not found there: create it with ops queues apply --yes"
            ) from None
        raise
    table = WaitingTable(dynamodb(fleet), fleet.waiting_table, rng)
    mover = Mover(fleet, calls, Room(calls, url), table)
    forwarder = Forwarder(calls, url, mover, rng=rng, once=once, within_seconds=within_seconds)
    forwarder.start()
    return Forward(forwarder, mover.tally, table)
