"""How much to ask SQS for, and when: pure, so that it can be read and tested on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: ReceiveMessage returns at most ten messages.
BATCH: Final = 10

#: The look-ahead of ``prefetch = "auto"``: about a second of measured work, and never more than
#: ten messages a slot, so that what waits here could not have been run sooner elsewhere.
AHEAD_SECONDS: Final = 1.0
AHEAD_PER_SLOT: Final = 10

#: So long wait a second poll, opened while the queue is deep, and a worker's first, by whose answer
#: it is ready. Not 0: a short poll asks only some of SQS's servers and may find a deep queue empty.
SHORT_WAIT_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Load:
    """A worker's load at one moment, counted in messages."""

    slots: int
    ahead: int
    occupied: int  # given to Celery and not ended
    buffered: int  # received, waiting for a slot
    asked: int  # asked for by polls that are open
    polls: int  # open polls
    deep: bool  # the last answer brought messages
    most_polls: int


def grant(load: Load) -> int:
    """Return how many messages a poll opened now should ask for; 0: open none.

    One poll is open whenever a slot is free. While answers bring messages, more are opened for
    the slots that the open ones do not cover; on an idle queue there is one long poll.
    With a look-ahead that still has work for every slot, a poll waits until it can ask for ten.
    """
    room = load.slots + load.ahead - load.occupied - load.buffered - load.asked
    if room <= 0:
        return 0
    if load.polls > 0 and (not load.deep or load.polls >= load.most_polls):
        return 0
    worth = min(BATCH, load.ahead)
    if load.buffered + load.asked >= load.slots and room < worth:
        return 0
    return min(room, BATCH)


def ahead(slots: int, run_seconds: float | None) -> int:
    """Return the look-ahead for tasks that take ``run_seconds`` on average, in messages.

    Nothing until a run has been measured.
    """
    if run_seconds is None:
        return 0
    most = slots * AHEAD_PER_SLOT
    return min(most, int(slots * AHEAD_SECONDS / max(run_seconds, 0.001)))
