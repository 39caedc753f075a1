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
class Incident:
    """A node that vanished, or a worker of one that was killed: `kind` is node or worker.

    `worker` is the worker's process id. `at` counts seconds from the demo's begin, `epoch` is the
    same moment.
    """

    kind: str
    node: str
    worker: int
    queue: str
    at: float
    epoch: float


@dataclass(frozen=True)
class Stay:
    """An instance, and how long its machine was there; `left` is whether it is gone."""

    id: str
    queue: str
    seconds: float
    left: bool
    vanished: bool


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
    `node_seconds` is how long its `nodes` machines were there, `work_seconds` how long they would
    have been were each of their slots busy all the time.
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
    nodes: int
    node_seconds: float
    work_seconds: float


@dataclass(frozen=True)
class Sums:
    """All of it. `unexpected` are dead letters of sound input."""

    queues: tuple[QueueSums, ...]
    incidents: tuple[Incident, ...] = field(default=())
    stays: tuple[Stay, ...] = field(default=())
    unexpected: tuple[DeadLetter, ...] = field(default=())
    later: tuple[Later, ...] = field(default=())

    @property
    def lost(self) -> int:
        """How many orders were lost."""
        return sum(len(queue.lost) for queue in self.queues)

    @property
    def good(self) -> bool:
        """Whether every order was done, none early, but for those damaged on purpose, and every
        node has left.
        """
        left = any(queue.left_in_queue for queue in self.queues)
        early = any(one.early for one in self.later)
        stayed = any(not stay.left for stay in self.stays)
        return self.lost == 0 and not (self.unexpected or left or early or stayed)


def sums(
    progress: Progress,
    *,
    whole: set[str],
    dead: Sequence[DeadLetter],
    left: Mapping[str, int],
    slots: Mapping[str, int],
    incidents: Sequence[Incident],
    stays: Sequence[Stay],
) -> Sums:
    """Return the sums.

    `whole` are the orders whose result is there, `left` counts a queue's messages, `slots` those of
    one of its nodes.
    """
    killed = {incident.worker for incident in incidents}
    return Sums(
        queues=tuple(
            _queue(
                queue,
                progress,
                whole=whole,
                dead=[letter for letter in dead if letter.queue == queue],
                left=left.get(queue, 0),
                slots=slots[queue],
                stays=[stay for stay in stays if stay.queue == queue],
                killed=killed,
            )
            for queue in QUEUES
        ),
        incidents=tuple(incidents),
        stays=tuple(stays),
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
    slots: int,
    stays: Sequence[Stay],
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
        nodes=len(stays),
        node_seconds=round(sum(stay.seconds for stay in stays), 1),
        work_seconds=round(progress.work_seconds(queue) / slots, 1),
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
