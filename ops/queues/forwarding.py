"""What becomes of a message of the delay queue that is shown now. Pure.

Due times, sending times and ``now`` are seconds since the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.delays import LONGEST_DELAY_SECONDS, delay, longest_delay_seconds

if TYPE_CHECKING:
    from worker.delays import Waiting
    from worker.fleet import Fleet

#: How long a forwarder has for the messages of one receive; those of one that dies are shown
#: again after it, well within the time that is kept in hand (`worker.delays.delay`).
HOLD_SECONDS: Final = 300
#: SQS's longest poll.
LONGEST_POLL_SECONDS: Final = 20
#: The longest a message is hidden at a time: SQS's 12 h count from its receive.
LONGEST_HIDE_SECONDS: Final = 12 * 3600 - HOLD_SECONDS
#: SQS keeps 14 days. A message older than half of that is sent anew, which starts them again.
RENEW_AFTER_SECONDS: Final = 7 * 86400
#: Hidden messages count as in flight, of which SQS takes about 120,000 a queue. Its count lags,
#: and several forwarders add to it: beyond half of that, messages wait as delayed ones.
MOST_HIDDEN: Final = 60_000


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send it to its own queue (a name of the manifest), delayed by ``seconds``."""

    queue: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Hide:
    """Leave it where it is, hidden for ``seconds``: no copy, so nothing can come twice."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Renew:
    """Send it to the delay queue anew, delayed by ``seconds``."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Put it into the delay queue's dead-letter queue: nobody would ever run it."""

    kind: str
    text: str


Hop = Deliver | Hide | Renew | Refuse


def longest_delays(fleet: Fleet) -> Mapping[str, int]:
    """Return how long, in seconds, a message may be delayed in each queue of the manifest."""
    return {
        name: longest_delay_seconds(queue.retention.total_seconds())
        for name, queue in fleet.queues.items()
    }


def hop(
    waiting: Waiting,
    *,
    longest: Mapping[str, int],
    sent: float,
    now: float,
    may_hide: bool,
) -> Hop:
    """Return the next hop of a waiting task.

    ``longest`` are the delays each queue takes, ``sent`` when the message was sent, ``may_hide``
    whether the delay queue has room for one more message in flight. A task for a queue that this
    manifest does not name waits until it is due, since a newer one may name it.
    """
    own = longest.get(waiting.queue, 0)
    wait = delay(waiting.due, now, own)
    if not wait.waits:
        if waiting.queue in longest:
            return Deliver(waiting.queue, wait.seconds)
        return Refuse("UnknownQueue", f"the manifest has no queue {waiting.queue[:80]}")
    left_seconds = math.ceil(waiting.due - now) - own
    hide_seconds = min(left_seconds, LONGEST_HIDE_SECONDS)
    if may_hide and now + hide_seconds - sent < RENEW_AFTER_SECONDS:
        return Hide(hide_seconds)
    return Renew(min(left_seconds, LONGEST_DELAY_SECONDS))
