"""What this worker holds: every message from its receive until the broker knows how it ended."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from worker.sqs.client import ReceivedMessage
from worker.sqs.lease import Lease

#: How many finished messages' ids are remembered, to recognise one that SQS delivers again.
REMEMBERED: Final = 5000


class State(Enum):
    """Where a held message stands."""

    BUFFERED = auto()  # received, waiting for a slot
    GIVEN = auto()  # given to Celery for a free slot
    STARTED = auto()  # its task runs
    ENDING = auto()  # the run is over, the broker does not know yet
    RETURNING = auto()  # being given back: its lease is let go


@dataclass(slots=True, eq=False)
class Held:
    """A message in this worker's hands. Times are monotonic seconds unless named otherwise."""

    tag: int
    message: ReceivedMessage
    lease: Lease
    payload: dict[str, Any]
    task: str
    task_id: str
    receives: int
    sent_at_epoch_seconds: float
    #: its eta; None if it has none
    eta_epoch_seconds: float | None = None
    state: State = State.BUFFERED
    started_at: float | None = None
    time_limit_seconds: float | None = None
    pid: int | None = None
    #: a weak reference to Celery's request, once it has one
    request: Callable[[], Any] | None = None
    withdrawn: bool = False

    @property
    def over(self) -> bool:
        """Whether its run is over."""
        return self.state in (State.ENDING, State.RETURNING)

    @property
    def due_at_epoch_seconds(self) -> float:
        """When it was to start at the earliest: sent, and its eta past."""
        return max(self.sent_at_epoch_seconds, self.eta_epoch_seconds or 0.0)

    @property
    def message_id(self) -> str:
        """SQS's id of the message, the same at every receive."""
        return self.message["MessageId"]


@dataclass
class Ledger:
    """The messages held, counted as they move. Every method takes the one lock.

    ``changed`` is notified when there may be room for a poll; one waiter is woken, and wakes the
    next if there is room for more.
    """

    changed: threading.Condition = field(
        default_factory=lambda: threading.Condition(threading.RLock())
    )
    _occupying: set[Held] = field(default_factory=set)
    _held: dict[int, Held] = field(default_factory=dict)
    _by_message: dict[str, Held] = field(default_factory=dict)
    _buffer: deque[Held] = field(default_factory=deque)
    _finished: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _next_tag: int = 0

    def admit(self, make: Callable[[int], Held]) -> Held:
        """Take a received message in, buffered, under a new delivery tag."""
        with self.changed:
            self._next_tag += 1
            held = make(self._next_tag)
            self._held[held.tag] = self._by_message[held.message_id] = held
            return held

    def buffer(self, held: Held) -> None:
        """Queue an admitted message for the next free slot."""
        with self.changed:
            self._buffer.append(held)

    @property
    def buffered(self) -> int:
        """How many messages wait for a slot."""
        return len(self._buffer)

    def give(self, slots: int) -> Held | None:
        """Take the oldest buffered message for a free slot of ``slots``; None if there is none."""
        with self.changed:
            if len(self._occupying) >= slots or not self._buffer:
                return None
            held = self._buffer.popleft()
            held.state = State.GIVEN
            self._occupying.add(held)
            return held

    @property
    def occupied(self) -> int:
        """How many slots are taken."""
        return len(self._occupying)

    def occupying(self) -> list[Held]:
        """Return the messages that take a slot, oldest first."""
        with self.changed:
            return sorted(self._occupying, key=lambda held: held.tag)

    def take_back(self, wanted: Callable[[Held], bool], at_most: int | None = None) -> list[Held]:
        """Remove buffered messages that are ``wanted``, youngest first."""
        with self.changed:
            taken: list[Held] = []
            kept: deque[Held] = deque()
            while self._buffer:
                held = self._buffer.pop()
                if wanted(held) and (at_most is None or len(taken) < at_most):
                    taken.append(held)
                else:
                    kept.appendleft(held)
            self._buffer.extend(kept)
            return taken

    def get(self, tag: int) -> Held | None:
        """Return the message held under this delivery tag."""
        return self._held.get(tag)

    def find(self, message_id: str) -> Held | None:
        """Return the message held with this SQS message id."""
        return self._by_message.get(message_id)

    def end(self, held: Held) -> bool:
        """Mark a run as over and free its slot; False if it was over already."""
        with self.changed:
            if held.over:
                return False
            held.state = State.ENDING
            self._occupying.discard(held)
            self.changed.notify()
            return True

    def free(self, held: Held) -> bool:
        """Free the slot a message occupies; False if it occupies none."""
        with self.changed:
            if held not in self._occupying:
                return False
            self._occupying.discard(held)
            self.changed.notify()
            return True

    def drop(self, held: Held, *, finished: bool) -> None:
        """Forget a message; remember its id if it was ``finished`` here."""
        with self.changed:
            self._held.pop(held.tag, None)
            if self._by_message.get(held.message_id) is held:
                del self._by_message[held.message_id]
            if finished:
                self._finished[held.message_id] = None
                while len(self._finished) > REMEMBERED:
                    self._finished.popitem(last=False)

    def was_finished(self, message_id: str) -> bool:
        """Whether a message with this id was finished here and its delete was sent."""
        return message_id in self._finished

    def held(self, states: Iterable[State] = State) -> list[Held]:
        """Return the messages in any of ``states``, oldest first."""
        wanted = frozenset(states)
        with self.changed:
            return [held for held in self._held.values() if held.state in wanted]
