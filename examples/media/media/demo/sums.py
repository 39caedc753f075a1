"""The sums: from what was recorded and what is really there to what a person is told. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from media.demo.orders import QUEUES, Order
from media.demo.progress import Progress


@dataclass(frozen=True)
class DeadLetter:
    """A message in a dead-letter queue, and the reason that lies beside it."""

    id: str
    queue: str
    kind: str
    text: str


@dataclass(frozen=True)
class Departure:
    """A worker that was made to leave. `signal` is SIGKILL or SIGTERM; times in seconds.

    `at` counts from the demo's begin, `epoch` is the same moment; `exit_status` and `took` are what
    came of it; `final` is whether all work was done by then.
    """

    worker: str
    pid: int
    queue: str
    signal: str
    at: float
    epoch: float
    exit_status: int
    took: float
    final: bool


@dataclass(frozen=True)
class Again:
    """An order that was begun more than once; workers are process ids, times epoch seconds.

    `killed` is the worker whose end is the cause: it had begun the order, or the one that sends
    it and so sent it again. None where nobody was killed: then its lease was lost. `cut_off` is
    whether the first run has no end; else its message could not be deleted in time. `whole` is
    whether what it makes is there.
    """

    id: str
    queue: str
    killed: int | None
    sent_again: bool
    cut_off: bool
    first_worker: int
    next_worker: int
    next_started_at: float
    whole: bool


@dataclass(frozen=True)
class Later:
    """An order sent with a countdown, and how long after it was due its run began, in seconds."""

    id: str
    countdown_seconds: int
    late_seconds: float

    @property
    def early(self) -> bool:
        """Whether it began before its time."""
        return self.late_seconds < 0


@dataclass(frozen=True)
class QueueSums:
    """A queue's sums, in orders; waits in seconds, None if none began.

    A wait is from when the order was due, that is sent and its countdown over, to its first start.
    """

    queue: str
    submitted: int
    finished: int
    lost: tuple[str, ...]
    run_twice: tuple[Again, ...]
    dead: tuple[DeadLetter, ...]
    left_in_queue: int
    wait_p50: float | None
    wait_p99: float | None


@dataclass(frozen=True)
class Sums:
    """All of it. `unexpected` are dead letters of sound input."""

    queues: tuple[QueueSums, ...]
    departures: tuple[Departure, ...]
    unexpected: tuple[DeadLetter, ...] = field(default=())
    later: tuple[Later, ...] = field(default=())

    @property
    def lost(self) -> int:
        """How many orders were lost."""
        return sum(len(queue.lost) for queue in self.queues)

    @property
    def good(self) -> bool:
        """Whether every order was done, none early, but for those damaged on purpose."""
        left = any(queue.left_in_queue for queue in self.queues)
        early = any(one.early for one in self.later)
        return self.lost == 0 and not self.unexpected and not left and not early


def sums(
    progress: Progress,
    *,
    whole: set[str],
    dead: Sequence[DeadLetter],
    left: Mapping[str, int],
    departures: Sequence[Departure],
) -> Sums:
    """Return the sums. `whole` are the orders whose result is there, `left` counts messages."""
    killed = {d.pid for d in departures if d.signal == "SIGKILL"}
    return Sums(
        queues=tuple(
            _queue(
                queue,
                progress,
                whole=whole,
                dead=[letter for letter in dead if letter.queue == queue],
                left=left.get(queue, 0),
                killed=killed,
            )
            for queue in QUEUES
        ),
        departures=tuple(departures),
        unexpected=tuple(
            letter
            for letter in dead
            if letter.id not in progress.orders or not progress.orders[letter.id].damaged
        ),
        later=tuple(_later(progress)),
    )


def _later(progress: Progress) -> Iterator[Later]:
    for id_, state in progress.states.items():
        countdown = progress.orders[id_].countdown_seconds
        if countdown and state.runs and state.due_at is not None:
            yield Later(id_, countdown, state.runs[0].started_at - state.due_at)


def _queue(
    queue: str,
    progress: Progress,
    *,
    whole: set[str],
    dead: Sequence[DeadLetter],
    left: int,
    killed: set[int],
) -> QueueSums:
    states = progress.of_queue(queue)
    finished = {id_ for id_, state in states.items() if state.succeeded and id_ in whole}
    open_ = set(progress.expected(queue)) - finished - {letter.id for letter in dead}
    # What is in the queue still is not lost; which of the open ones it is, SQS does not tell.
    lost = sorted(open_)[: max(0, len(open_) - left)]
    waits = sorted(
        state.runs[0].started_at - max(state.runs[0].sent_at, state.due_at or 0.0)
        for state in states.values()
        if state.runs and state.runs[0].sent_at is not None
    )
    return QueueSums(
        queue=queue,
        submitted=sum(state.submitted for state in states.values()),
        finished=len(finished),
        lost=tuple(lost),
        run_twice=tuple(
            _again(progress.orders[id_], progress, killed, id_ in whole)
            for id_, state in states.items()
            if len(state.attempts) > 1
        ),
        dead=tuple(dead),
        left_in_queue=left,
        wait_p50=percentile(waits, 0.50),
        wait_p99=percentile(waits, 0.99),
    )


def _again(order: Order, progress: Progress, killed: set[int], whole: bool) -> Again:
    first, second = progress.states[order.id].attempts[:2]
    senders = [] if order.after is None else progress.states[order.after].attempts
    sender = senders[0].worker if len(senders) > 1 else None
    causes = [worker for worker in (first.worker, sender) if worker in killed]
    return Again(
        id=order.id,
        queue=order.queue,
        killed=causes[0] if causes else None,
        sent_again=first.worker not in killed and bool(causes),
        cut_off=first.state is None,
        first_worker=first.worker,
        next_worker=second.worker,
        next_started_at=second.started_at,
        whole=whole,
    )


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile of `share` (0 to 1) of ascending values, None of none."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]
