"""Which hop each received message of the delay queue takes, and what is sent for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.queues.arrivals import arrival
from ops.queues.forwarding import HOLD_SECONDS, Deliver, Hop, Refuse, Renew, hop
from worker.delays import ATTRIBUTE, TooFarAhead, Waiting, check_due
from worker.sqs import lease as leases
from worker.sqs.copies import carried
from worker.sqs.envelope import Undecodable
from worker.sqs.ledger import Held

if TYPE_CHECKING:
    from worker.fleet import Fleet
    from worker.sqs.client import ReceivedMessage


@dataclass(frozen=True, slots=True)
class Move:
    """A message and its hop; ``waiting`` is None where it is no task."""

    held: Held
    hop: Hop
    waiting: Waiting | None

    def target(self, fleet: Fleet) -> str:
        """Return the queue's name on SQS that it is sent to."""
        if isinstance(self.hop, Deliver):
            return fleet.physical_name(self.hop.queue)
        if isinstance(self.hop, Refuse):
            return fleet.delay_dead_letter_name
        return fleet.delay_queue_name

    def entry(self) -> dict[str, Any]:
        """Return what is sent: the message as it is, without our attribute at its last hop."""
        entry: dict[str, Any] = {"MessageBody": self.held.message["Body"]}
        if isinstance(self.hop, Deliver | Renew):
            entry["DelaySeconds"] = self.hop.seconds
        attributes = carried(self.held, *((ATTRIBUTE,) if isinstance(self.hop, Deliver) else ()))
        if attributes:
            entry["MessageAttributes"] = attributes
        group = self.held.message["Attributes"].get("MessageGroupId")
        if group is not None:
            entry["MessageGroupId"] = group
        return entry


def decide(
    fleet: Fleet,
    longest: Mapping[str, int],
    message: ReceivedMessage,
    *,
    received_at: float,
    now: float,
    may_hide: bool,
) -> Move:
    """Return the move of a message received at ``received_at`` (monotonic seconds).

    ``longest`` and ``may_hide`` are `ops.queues.forwarding.hop`'s, ``now`` is epoch seconds.
    """
    sent = int(message["Attributes"].get("SentTimestamp", "0")) / 1000
    waiting: Waiting | None = None
    chosen: Hop
    try:
        waiting = arrival(fleet, message, now)
        check_due(waiting.due, now)
        chosen = hop(waiting, longest=longest, sent=sent, now=now, may_hide=may_hide)
    except (Undecodable, TooFarAhead) as error:
        chosen = Refuse(type(error).__name__, str(error))
    held = Held(
        tag=0,
        message=message,
        lease=leases.opened(message["ReceiptHandle"], received_at, HOLD_SECONDS),
        payload={},
        task="(undecodable)" if waiting is None else waiting.task,
        task_id=message["MessageId"] if waiting is None else waiting.task_id,
        receives=int(message["Attributes"].get("ApproximateReceiveCount", "1")),
        sent_at_epoch_seconds=sent,
    )
    return Move(held, chosen, waiting)
