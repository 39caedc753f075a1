"""Open long polls, and what becomes of one whose caller has hung up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.sqs.message import Message


@dataclass(eq=False)
class Poll:
    """One ReceiveMessage that waits for messages.

    ``is_open`` says whether its caller is still at the other end. ``silenced`` is set by a fault
    that takes the connection away under an open poll: the caller will get no answer.
    """

    max_messages: int
    visibility_seconds: int
    is_open: Callable[[], bool]
    access_key_id: str = ""
    silenced: bool = False
    answer: asyncio.Future[list[Message]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def is_heard(self) -> bool:
        """True while an answer would reach the caller."""
        return not self.silenced and self.is_open()

    def finish(self, messages: list[Message]) -> None:
        """Give the answer, unless one was given."""
        if not self.answer.done():
            self.answer.set_result(messages)

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless an answer was given."""
        if not self.answer.done():
            self.answer.set_exception(error)
