"""One queue: its messages, who is waiting for them, and the rules SQS has for both.

Nothing here depends on how many messages there are: what is visible is a deque, what becomes due
is a heap, and the counts are kept as messages change state.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.sqs.attributes import QueueAttributes
from tests.sqs.clock import Clock
from tests.sqs.errors import SqsError, invalid_parameter
from tests.sqs.message import Message, State
from tests.sqs.polls import Poll
from tests.sqs.receipts import Receipts, StaleReceiptError
from tests.sqs.timers import Timers

MAX_VISIBILITY_SECONDS = 12 * 3600


@dataclass
class Settings:
    """How strict the server is where SQS leaves room. Shared by all queues of a server."""

    # A message that becomes visible while a hung-up long poll has time left is received by it, as
    # seen on SQS itself: aws-sdk-js issue 2350, aws-sdk-java issue 2083.
    hang_up_hides: bool = True
    # API reference, DeleteMessage: with an old handle the request succeeds and the message may
    # stay. True does that; False says ReceiptHandleIsInvalid, so that a caller sees it.
    stale_delete_succeeds: bool = False
    # The documented limit of a standard queue.
    in_flight_limit: int = 120_000


@dataclass(eq=False)
class Queue:
    """A standard queue. All methods must be called from the server's event loop."""

    name: str
    arn: str
    clock: Clock
    settings: Settings
    attributes: QueueAttributes
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float = 0.0
    modified_at: float = 0.0
    purged_at: float | None = None
    find_by_arn: Callable[[str], Queue | None] = lambda _: None
    # sent, received, deleted, redriven, arrived_by_redrive, expired, stale_handles,
    # received_by_closed_polls
    totals: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self._receipts = Receipts()
        self._by_state = [0] * len(State)
        self._visible: deque[Message] = deque()
        self._due = Timers(self._waits_until)
        self._expiry = Timers(lambda message, _: message.message_id in self.messages)
        self._polls: list[Poll] = []
        self._wake_up: asyncio.TimerHandle | None = None
        self.created_at = self.modified_at = self.clock.now()

    # -- what is there -------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """How many messages are visible, in flight and delayed now."""
        self._settle()
        return {
            "visible": self._by_state[State.VISIBLE],
            "in_flight": self._by_state[State.IN_FLIGHT],
            "delayed": self._by_state[State.DELAYED],
        }

    @property
    def open_polls(self) -> list[Poll]:
        """The long polls that wait for a message, closed ones (see :class:`Settings`) too."""
        return self._polls

    # -- messages come and go ------------------------------------------------------------------

    def send(self, message: Message, delay_seconds: int | None) -> None:
        """Add a message; call :meth:`dispatch` once a request's messages are all in."""
        if delay_seconds is None:
            delay_seconds = self.attributes.delay_seconds
        self.totals["sent"] += 1
        if delay_seconds > 0:
            self._add(message, State.DELAYED)
            self._hide(message, State.DELAYED, message.sent_at + delay_seconds)
        else:
            self._add(message, State.VISIBLE)
            self._visible.append(message)

    def receive(self, max_messages: int, visibility_seconds: int) -> list[Message]:
        """Take what is visible now, up to ``max_messages``, and start its visibility timeout."""
        self._settle()
        now = self.clock.now()
        taken: list[Message] = []
        while self._visible and len(taken) < max_messages:
            if self._by_state[State.IN_FLIGHT] >= self.settings.in_flight_limit:
                break
            message = self._visible.popleft()
            if message.state is not State.VISIBLE:
                continue
            if self._redrive_if_exhausted(message):
                continue
            message.receive_count += 1
            message.received_at = now
            if message.first_received_at is None:
                message.first_received_at = now
            self._receipts.issue(message)
            self._hide(message, State.IN_FLIGHT, now + visibility_seconds)
            taken.append(message)
        self.totals["received"] += len(taken)
        return taken

    def is_over_limit(self) -> bool:
        """True when no further message may be in flight."""
        return self.counts()["in_flight"] >= self.settings.in_flight_limit

    def delete(self, handle: str) -> None:
        """Delete by receipt handle. Raises ``ReceiptHandleIsInvalid`` for a stale one.

        A lapsed visibility timeout does not matter until another receive has the message;
        deleting twice with the newest handle succeeds.
        """
        try:
            message = self._find(handle)
        except StaleReceiptError:
            if self.settings.stale_delete_succeeds:
                return
            raise
        if message is not None:
            self.totals["deleted"] += 1
            self._forget(message)

    def change_visibility(self, handle: str, seconds: int) -> None:
        """Let the visibility timeout end ``seconds`` from now.

        Raises ``MessageNotInflight`` when the timeout has lapsed, ``ReceiptHandleIsInvalid`` for
        a stale handle, ``InvalidParameterValue`` past 12 hours after the receive. Call
        :meth:`dispatch` afterwards.
        """
        if not 0 <= seconds <= MAX_VISIBILITY_SECONDS:
            raise invalid_parameter(
                seconds,
                "VisibilityTimeout",
                f"Must be between 0 and {MAX_VISIBILITY_SECONDS}, if provided.",
            )
        self._settle()
        message = self._find(handle)
        if message is None:
            raise invalid_parameter(
                handle,
                "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change.",
            )
        if message.state is not State.IN_FLIGHT:
            raise SqsError("MessageNotInflight", "The specified message isn't in flight.")
        now = self.clock.now()
        if now + seconds > message.received_at + MAX_VISIBILITY_SECONDS:
            raise invalid_parameter(
                seconds,
                "VisibilityTimeout",
                "Total VisibilityTimeout for the message is beyond the limit "
                f"[{MAX_VISIBILITY_SECONDS} seconds]",
            )
        self._hide(message, State.IN_FLIGHT, now + seconds)

    def purge(self) -> None:
        """Delete everything."""
        self.totals["purged"] += len(self.messages)
        for message in list(self.messages.values()):
            self._forget(message)
        self._visible.clear()
        self._due.clear()
        self._expiry.clear()

    def reschedule_expiry(self) -> None:
        """Apply a changed retention period to the messages that are there."""
        self._expiry.clear()
        for message in self.messages.values():
            self._expiry.add(message.sent_at + self.attributes.retention_seconds, message)

    # -- long polls ----------------------------------------------------------------------------

    def wait(self, poll: Poll) -> None:
        """Let a poll have what becomes visible next."""
        self._polls.append(poll)
        self._set_wake_up()

    def leave(self, poll: Poll) -> None:
        """The poll's time is over, or it was answered."""
        if poll in self._polls:
            self._polls.remove(poll)

    def dispatch(self) -> None:
        """Give what is visible to the polls that wait, first come first served."""
        while self._polls and self.counts()["visible"] > 0:
            poll = self._polls[0]
            if poll.answer.done():  # its time ran out in this very turn of the loop
                self._polls.pop(0)
                continue
            heard = poll.is_heard
            if not heard and not self.settings.hang_up_hides:
                self._polls.pop(0)
                poll.finish([])
                continue
            messages = self.receive(poll.max_messages, poll.visibility_seconds)
            if not messages:
                break  # all of them went to the dead-letter queue, or too many are in flight
            if not heard:
                self.totals["received_by_closed_polls"] += len(messages)
            self._polls.pop(0)
            poll.finish(messages)
        self._set_wake_up()

    def close(self) -> None:
        """The queue was deleted: its polls end, its messages are gone."""
        self.purge()
        for poll in self._polls:
            poll.fail(SqsError("QueueDoesNotExist", "The specified queue does not exist."))
        self._polls.clear()
        self._set_wake_up()

    def _set_wake_up(self) -> None:
        """Only a waiting poll needs the loop to wake for a due message; all others look first."""
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
        if self._polls and (due_at := self._due.next_due()) is not None:
            in_seconds = max(0.0, due_at - self.clock.now())
            self._wake_up = asyncio.get_running_loop().call_later(in_seconds, self.dispatch)

    # -- state ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Make true what time has brought: ends of delays, of visibility, of retention."""
        now = self.clock.now()
        while (message := self._due.pop_due(now)) is not None:
            self._set_state(message, State.VISIBLE)
            self._visible.append(message)
        while (message := self._expiry.pop_due(now)) is not None:
            self.totals["expired"] += 1
            self._forget(message)

    def _find(self, handle: str) -> Message | None:
        try:
            return self._receipts.find(handle, self.messages)
        except StaleReceiptError:
            self.totals["stale_handles"] += 1
            raise

    def _redrive_if_exhausted(self, message: Message) -> bool:
        redrive = self.attributes.redrive
        if redrive is None or message.receive_count < redrive.max_receive_count:
            return False
        dead_letters = self.find_by_arn(redrive.dead_letter_arn)
        if dead_letters is None:
            return False
        self._remove(message)
        self.totals["redriven"] += 1
        message.dead_letter_source_arn = self.arn
        dead_letters.adopt(message)
        return True

    def adopt(self, message: Message) -> None:
        """Take a message from a queue that this one is the dead-letter queue of.

        It keeps its id, attributes, receive count and SentTimestamp, so that its retention still
        counts from when it was first sent, and can be received at once.
        """
        self.totals["arrived_by_redrive"] += 1
        self._add(message, State.VISIBLE)
        self._visible.append(message)
        self.dispatch()

    def _add(self, message: Message, state: State) -> None:
        self.messages[message.message_id] = message
        message.state = state
        self._by_state[state] += 1
        self._expiry.add(message.sent_at + self.attributes.retention_seconds, message)

    def _hide(self, message: Message, state: State, due_at: float) -> None:
        self._set_state(message, state)
        message.due_at = due_at
        self._due.add(due_at, message)

    def _forget(self, message: Message) -> None:
        self._receipts.remember_delete(message)
        self._remove(message)

    def _remove(self, message: Message) -> None:
        del self.messages[message.message_id]
        self._set_state(message, State.GONE)

    def _set_state(self, message: Message, state: State) -> None:
        self._by_state[message.state] -= 1
        message.state = state
        self._by_state[state] += 1

    @staticmethod
    def _waits_until(message: Message, due_at: float) -> bool:
        waiting = message.state is State.DELAYED or message.state is State.IN_FLIGHT
        return waiting and message.due_at == due_at
