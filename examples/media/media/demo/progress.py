"""How far the work is: the journal's lines, read as they come, as the state of each order."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from media.demo.orders import Order


@dataclass
class Run:
    """One run of an order's task. Times are epoch seconds; `state` is Celery's, None until its end.

    `sent_at` is when SQS took the message; `worker` is the process id of the worker, `node` the
    instance that it runs on.
    """

    worker: int
    node: str | None
    sent_at: float | None
    started_at: float
    state: str | None = None
    ended_at: float | None = None


@dataclass
class State:
    """What is known of one order.

    `sent_at` is when it was first sent, `due_at` its eta then, in epoch seconds.
    """

    submitted: bool = False
    sent_at: float | None = None
    due_at: float | None = None
    runs: list[Run] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether a run of it has ended well."""
        return any(run.state == "SUCCESS" for run in self.runs)

    @property
    def ended(self) -> bool:
        """Whether a run of it has ended for good, well or not; one that is tried again has not."""
        return any(run.state in ("SUCCESS", "FAILURE") for run in self.runs)

    @property
    def attempts(self) -> list[Run]:
        """Its runs without those that asked to be tried again: more than one is one too many."""
        return [run for run in self.runs if run.state != "RETRY"]


class Progress:
    """The states of all orders."""

    def __init__(self, orders: Mapping[str, Order]) -> None:
        self.orders = orders
        self.states = {id_: State() for id_ in orders}
        self._workers: dict[str, int] = {}

    def apply(self, line: Mapping[str, object]) -> None:
        """Take a line of the journal. Raises KeyError for a task that is no order."""
        state = self.states[str(line["id"])]
        # A run shows that the message was sent, also where its sender was killed before it could
        # write so.
        state.submitted = True
        worker, at = int(str(line["worker"])), float(str(line["at"]))
        if line["event"] == "published" and not state.runs:
            state.sent_at = state.sent_at or at
            if line["due"] is not None:
                state.due_at = float(str(line["due"]))
        elif line["event"] == "started":
            sent_at = None if line["sent"] is None else float(str(line["sent"]))
            node = None if line["node"] is None else str(line["node"])
            state.runs.append(Run(worker, node, sent_at, at))
            if node is not None:
                self._workers[node] = worker
        elif line["event"] == "ended":
            for run in reversed(state.runs):
                if run.worker == worker and run.state is None:
                    run.state, run.ended_at = str(line["state"]), at
                    break

    def of_queue(self, queue: str) -> dict[str, State]:
        """Return the states of a queue's orders."""
        return {id_: self.states[id_] for id_, o in self.orders.items() if o.queue == queue}

    def expected(self, queue: str) -> list[str]:
        """Return a queue's orders without those whose forerunner has failed: nobody sends them."""
        return [
            id_
            for id_, order in self.orders.items()
            if order.queue == queue and (order.after is None or not self._failed(order.after))
        ]

    def _failed(self, id_: str) -> bool:
        return self.states[id_].ended and not self.states[id_].succeeded

    def ended_count(self, queue: str) -> int:
        """Return how many of a queue's orders have ended for good."""
        return sum(state.ended for state in self.of_queue(queue).values())

    def running_on(self, worker: int) -> list[str]:
        """Return the orders that a worker has begun and not ended."""
        return [
            id_
            for id_, state in self.states.items()
            if any(run.worker == worker and run.state is None for run in state.runs)
        ]

    def worker_of(self, node: str) -> int | None:
        """Return the process id of the worker that began a task on a node last."""
        return self._workers.get(node)

    def oldest_seconds(self, queue: str, now: float) -> float | None:
        """Return for how long a queue's oldest order waits that is due, None if none does.

        `now` is in epoch seconds.
        """
        since = [
            max(state.sent_at, state.due_at or 0.0)
            for state in self.of_queue(queue).values()
            if state.sent_at is not None and not state.runs
        ]
        return max((now - at for at in since if at <= now), default=None)

    def work_seconds(self, queue: str) -> float:
        """Return how long a queue's tasks ran, all together, those that were cut off left out."""
        return sum(
            run.ended_at - run.started_at
            for state in self.of_queue(queue).values()
            for run in state.runs
            if run.ended_at is not None
        )

    def all_ended(self, queues: Iterable[str]) -> bool:
        """Whether nothing more is to come."""
        return all(self.ended_count(queue) >= len(self.expected(queue)) for queue in queues)


class Lines:
    """A file that grows, read from where the last reading ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def new(self) -> list[str]:
        """Return the whole lines that were written since the last call. Raises OSError."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return whole.decode(errors="replace").splitlines()


class Journal(Lines):
    """The journal's file."""

    def new_lines(self) -> list[dict[str, object]]:
        """Return what was recorded since the last call. Raises OSError."""
        return [json.loads(line) for line in self.new()]
