"""What the engine tells of messages to whoever counts them."""

from __future__ import annotations

from typing import Final, Protocol

from worker.outcomes import Verdict
from worker.sqs.ledger import Held


class Observer(Protocol):
    """Is told of every message, from any thread. It must return at once and raise nothing."""

    def received(self, held: Held) -> None:
        """Take note of a receive, also of a message that is held already."""

    def started(self, held: Held, at: float) -> None:
        """Take note that a task began to run, at monotonic seconds."""

    def ended(self, held: Held, verdict: Verdict) -> None:
        """Take note of how a message's time here ended. ``held.started_at`` says if it ran."""

    def acknowledged(self, seconds: float) -> None:
        """Take note that SQS confirmed an acknowledgement, ``seconds`` after it was due."""


class _Unobserved:
    def received(self, held: Held) -> None: ...

    def started(self, held: Held, at: float) -> None: ...

    def ended(self, held: Held, verdict: Verdict) -> None: ...

    def acknowledged(self, seconds: float) -> None: ...


#: Nobody counts: an engine without a worker around it.
UNOBSERVED: Final[Observer] = _Unobserved()
