"""A simulated queue: what waits, what runs and until when, and which slots are free.

Tasks start in the order in which they came, each on a free slot picked at random among the nodes
that receive, as SQS hands messages to whichever worker asks.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from random import Random

from ops.scaling.backtest.parts import SimNode, Totals
from ops.scaling.backtest.trace import Trace
from ops.scaling.model import Counts


class Queue:
    """The tasks of a trace, moved on by `run`; nodes come and go by its other calls."""

    def __init__(
        self, trace: Trace, rng: Random, totals: Totals, emptied: Callable[[SimNode, float], None]
    ) -> None:
        """`emptied` is told of a retiring node whose last task has ended, and when."""
        self.totals = totals
        self.started_at = array("d")
        """When each task of `totals.waits` started."""
        self._arrivals = trace.arrivals + array("d", (math.inf,))
        self._services = trace.services
        self._next = 0
        self._rng = rng
        self._emptied = emptied
        self._waiting: deque[tuple[float, float, bool]] = deque()
        self._free: list[SimNode] = []
        self._running: list[tuple[float, int, SimNode]] = []
        self._runs = 0
        self._busy = 0
        self._hidden = 0

    @property
    def visible(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """Messages that run, or whose dead worker's lease has not lapsed."""
        return self._busy + self._hidden

    @property
    def unstarted(self) -> int:
        """Tasks of the whole trace that have not started once."""
        return len(self._arrivals) - 1 - len(self.totals.waits)

    def unstarted_waits(self, now: float) -> list[float]:
        """Return how long those that have come and not started have waited."""
        return [now - at for at, _, again in self._waiting if not again]

    def counts(self) -> Counts:
        """Return what SQS would say, without its lag."""
        return Counts(len(self._waiting), self.in_flight, 0)

    def oldest_at(self) -> float | None:
        """Return when the oldest waiting message came, or came again."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def finished(self) -> bool:
        """Whether every task has come, started and ended."""
        return (
            self._next >= len(self._arrivals) - 1
            and not self._waiting
            and not self._running
            and not self._hidden
        )

    def next_event(self) -> float:
        """Return when the next task comes or ends."""
        ends = self._running[0][0] if self._running else math.inf
        return min(self._arrivals[self._next], ends)

    def run(self, until: float) -> bool:  # noqa: PLR0912, PLR0915
        """Let tasks come, start and end up to and including `until`; return whether any did."""
        # Written out in one loop on names of its own: it runs twice for every task of a trace.
        arrivals, services, running, waiting = (
            self._arrivals,
            self._services,
            self._running,
            self._waiting,
        )
        free, random, infinity = self._free, self._rng.random, math.inf
        waited, started_at = self.totals.waits.append, self.started_at.append
        next_, runs, busy = self._next, self._runs, self._busy
        arrives = arrivals[next_]
        changed = False
        while True:
            ends = running[0][0] if running else infinity
            at = arrives if arrives <= ends else ends
            if at > until:
                break
            changed = True
            if arrives <= ends:
                service = services[next_]
                next_ += 1
                arrives = arrivals[next_]
                # Where something waits nothing is free.
                while free and not waiting:
                    index = int(random() * len(free))
                    node = free[index]
                    last = free.pop()
                    if last is not node:
                        free[index] = last
                    if not node.paused:
                        waited(0.0)
                        started_at(at)
                        runs += 1
                        node.started[runs] = at
                        node.begun += 1
                        node.item = None
                        busy += 1
                        heappush(running, (at + service, runs, node))
                        break
                else:
                    waiting.append((at, service, False))
                continue
            _, run, node = running[0]
            start = node.started.pop(run, None)
            if start is None:
                heappop(running)
                continue
            node.recent.append((at, at - start))
            node.item = None
            if waiting and not node.paused:
                arrival, service, again = waiting.popleft()
                if not again:
                    waited(at - arrival)
                    started_at(at)
                runs += 1
                node.started[runs] = at
                node.begun += 1
                heapreplace(running, (at + service, runs, node))
                continue
            heappop(running)
            busy -= 1
            if not node.started:
                node.idle_since = at
            if not node.paused:
                free.append(node)
            elif node.retiring and not node.started:
                self._emptied(node, at)
        self._next, self._runs, self._busy = next_, runs, busy
        return changed

    def receive(self, node: SimNode, at: float) -> None:
        """Have a node take from the queue from now on, with all of its free slots."""
        # Slots that it had before it was paused may not have been found out yet.
        self._free = [one for one in self._free if one is not node]
        self._free += [node] * (node.slots - len(node.started))
        self._hand_out(at)

    def taken_back(self, node: SimNode, at: float) -> list[tuple[float, float]]:
        """Return what a node runs, as start and run time, and let it run it no more."""
        ends = {run: end for end, run, one in self._running if one is node}
        taken = [(start, ends[run] - start) for run, start in node.started.items()]
        self.totals.rerun_seconds += sum(at - start for start, _ in taken)
        self._busy -= len(taken)
        node.started.clear()
        node.idle_since = at
        return taken

    def put_back(self, taken: list[tuple[float, float]], at: float) -> None:
        """Make tasks visible again, in front: they are the oldest."""
        self._waiting.extendleft((start, service, True) for start, service in reversed(taken))
        self._hand_out(at)

    def hide(self, tasks: int) -> None:
        """Have so many tasks seen by nobody: the worker that held them is dead."""
        self._hidden += tasks

    def _hand_out(self, at: float) -> None:
        free, waiting, random = self._free, self._waiting, self._rng.random
        while waiting and free:
            index = int(random() * len(free))
            node = free[index]
            last = free.pop()
            if last is not node:
                free[index] = last
            if node.paused:
                continue
            arrival, service, again = waiting.popleft()
            if not again:
                self.totals.waits.append(at - arrival)
                self.started_at.append(at)
            self._runs += 1
            node.started[self._runs] = at
            node.begun += 1
            node.item = None
            self._busy += 1
            heappush(self._running, (at + service, self._runs, node))
