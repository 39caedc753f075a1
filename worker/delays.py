"""How a task that is due later reaches its queue in time: which queue it waits in, and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: The longest SQS delays a message (SendMessage, DelaySeconds: 0 to 900).
LONGEST_DELAY_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Delay:
    """How a message is sent: hidden for ``seconds``, in the delay queue if it ``waits`` there."""

    seconds: int = 0
    waits: bool = False


def delay(due_epoch_seconds: float | None, now_epoch_seconds: float) -> Delay:
    """Return how a message due then is sent now.

    Rounded up, so that nothing is early: at most a second late. What is due later than SQS can
    delay waits in the fleet's delay queue, from where ``ops queues forward`` moves it on.
    """
    if due_epoch_seconds is None or due_epoch_seconds <= now_epoch_seconds:
        return Delay()
    seconds = math.ceil(due_epoch_seconds - now_epoch_seconds)
    if seconds <= LONGEST_DELAY_SECONDS:
        return Delay(seconds)
    return Delay(LONGEST_DELAY_SECONDS, waits=True)
