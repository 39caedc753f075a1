"""A simulated group and its nodes beside a queue: what a policy reads and what it may do to them.

A node costs from its launch to its end. It hears what is wanted of it when it next reports, and
confirms as soon as it is idle.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import pairwise
from random import Random
from typing import Final

from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.parts import (
    HAND_BACK_SECONDS,
    LEASE_SECONDS,
    NOTICE_SECONDS,
    REPORT_SECONDS,
    SimNode,
    Task,
    Totals,
)
from ops.scaling.backtest.queue import Queue
from ops.scaling.backtest.trace import Trace
from ops.scaling.model import Counts, Group, Instance, Lifecycle, Node, Wanted

__all__ = ["Machine", "SimNode", "Task", "Totals", "reversals"]

#: The most capacity a simulated group takes.
_GROUP_AT_MOST: Final = 100_000


class Machine:
    """The simulated world of one queue, moved on by `advance`, changed by a policy's calls."""

    def __init__(
        self,
        trace: Trace | Sequence[Task],
        slots: int,
        boot_seconds: float,
        seed: int,
        losses: Losses | Sequence[float] | None = None,
    ) -> None:
        """`trace` is sorted by arrival; of `losses` see there, plain numbers are its times."""
        if not isinstance(trace, Trace):
            trace = Trace(
                "",
                array("d", (task.arrival for task in trace)),
                array("d", (task.service for task in trace)),
            )
        if not isinstance(losses, Losses):
            losses = Losses(times=tuple(losses or ()))
        self.slots = slots
        self.boot_seconds = boot_seconds
        self.begins_at = trace.begins_at
        self.now = self.begins_at
        self.totals = Totals()
        self.nodes: dict[str, SimNode] = {}
        self.desired = 0
        self.changed = True
        """Whether anything has happened since the last tick."""
        self.steps: list[tuple[float, int, int]] = [(self.now, 0, 0)]
        self._losses = losses
        self._next_loss = 0
        self._rng = Random(seed)  # noqa: S311
        # Its own, so that a run with losses differs from one without only where they strike.
        self._fate = Random(seed + 1)  # noqa: S311
        self._queue = Queue(trace, self._rng, self.totals, self._gone)
        self._events: list[tuple[float, int, str, SimNode]] = []
        self._number = 0
        self._draining = 0
        self._group: Group | None = None

    # What a policy reads.

    @property
    def visible(self) -> int:
        """Messages that wait."""
        return self._queue.visible

    @property
    def in_flight(self) -> int:
        """Messages that run, or whose dead worker's lease has not lapsed."""
        return self._queue.in_flight

    @property
    def unstarted(self) -> int:
        """Tasks of the whole trace that have not started once."""
        return self._queue.unstarted

    @property
    def started_at(self) -> array[float]:
        """When each task of `totals.waits` started."""
        return self._queue.started_at

    def unstarted_waits(self) -> list[float]:
        """Return how long those that have not started have waited; late ones of a run given up."""
        return self._queue.unstarted_waits(self.now)

    def counts(self) -> Counts:
        """Return what SQS would say, without its lag."""
        return self._queue.counts()

    def oldest_age(self) -> float | None:
        """Return the age of the oldest waiting message."""
        at = self._queue.oldest_at()
        return None if at is None else self.now - at

    def words(self) -> tuple[Node, ...]:
        """Return the registry's items of the nodes that have spoken."""
        return tuple([node.item or node.word() for node in self.nodes.values() if node.joined])

    def group(self) -> Group:
        """Return the group as Auto Scaling describes it."""
        if self._group is None:
            self._group = Group(
                "simulated",
                self.desired,
                0,
                _GROUP_AT_MOST,
                tuple(
                    Instance(node.id, Lifecycle.IN_SERVICE if node.joined else Lifecycle.PENDING)
                    for node in self.nodes.values()
                ),
            )
        return self._group

    @property
    def finished(self) -> bool:
        """Whether every task has come, started and ended."""
        return self._queue.finished

    def next_event(self) -> float:
        """Return when something will happen next by itself."""
        return min(self._queue.next_event(), self._next_other())

    # What a policy does.

    def launch(self, nodes: int, boot_seconds: float | None = None) -> None:
        """Launch nodes; each receives one boot from now."""
        boot = self.boot_seconds if boot_seconds is None else boot_seconds
        for _ in range(nodes):
            self._number += 1
            node = SimNode(
                f"i-{self._number}",
                self.now,
                self.now + boot,
                self.slots,
                self._rng.random() * REPORT_SECONDS,
            )
            self.nodes[node.id] = node
            self._at(node.ready, "ready", node)
            if self._losses.hourly:
                since = self.now - self.begins_at
                ends = self._losses.lifetime(since, self._fate.expovariate(1.0))
                if ends < math.inf:
                    self._at(self.begins_at + ends, "notice", node)
        self.totals.launches += nodes
        self.desired += nodes
        self._moved()

    def pause(self, node_id: str, token: str) -> None:
        """Ask a node to receive no more; it hears at its next report."""
        self._want(self.nodes[node_id], Wanted.PAUSE, token)
        self._moved()

    def resume(self, node_id: str, token: str) -> None:
        """Ask a node to receive again."""
        self._want(self.nodes[node_id], Wanted.RUN, token)
        self._moved()

    def retire(self, node_id: str) -> None:
        """Have a node receive no more from now on, and end by itself once it is idle.

        It is not part of the desired capacity any more.
        """
        node = self.nodes[node_id]
        self.desired -= 1
        self._want(node, Wanted.PAUSE, "")
        node.paused = node.retiring = True
        if not node.started:
            self._gone(node)
        self._moved()

    def end(self, node_id: str) -> None:
        """End a node, whatever it runs: what does is counted killed, and is seen by nobody until
        its lease has lapsed.
        """
        node = self.nodes[node_id]
        self.desired -= 1
        if node.started:
            self.totals.killed += len(node.started)
            node.left = self._queue.taken_back(node, self.now)
            self._queue.hide(len(node.left))
            self._at(self.now + LEASE_SECONDS, "lapse", node)
        self._gone(node)

    # How time goes on.

    def advance(self, until: float) -> None:
        """Let everything happen that happens up to and including `until`."""
        other = self._next_other()
        self.changed = self._queue.run(min(until, other))
        while other <= until:
            self._happen()
            self.changed = True
            other = self._next_other()
            self._queue.run(min(until, other))
        self.now = until

    def close(self) -> None:
        """End the run: what still lives has cost until now."""
        for node in self.nodes.values():
            self.totals.node_seconds += max(0.0, self.now - node.launched)
        self.totals.reversals = reversals([nodes for _, nodes, _ in self.steps])
        self.steps.append((self.now, 0, 0))

    def _next_other(self) -> float:
        at = self._events[0][0] if self._events else math.inf
        if self._next_loss < len(self._losses.times):
            at = min(at, self.begins_at + self._losses.times[self._next_loss])
        return at

    def _happen(self) -> None:
        due = self._events[0][0] if self._events else math.inf
        if self._next_other() < due:
            at = self._next_other()
            self._next_loss += 1
            living = [node for node in self.nodes.values() if not node.doomed]
            if living:
                self._notice(living[int(self._fate.random() * len(living))], at)
            return
        at, _, what, node = heappop(self._events)
        if what == "lapse":
            self._queue.hide(-len(node.left))
            self._queue.put_back(node.left, at)
        elif node.ended:
            return
        elif what == "ready":
            self._joins(node, at)
        elif what == "hear":
            self._hear(node, at)
        elif what == "notice":
            if not node.doomed:
                self._notice(node, at)
        elif what == "hand back":
            self.totals.lost += len(node.started)
            self._queue.put_back(self._queue.taken_back(node, at), at)
        else:
            self._reclaimed(node, at)
        node.item = None

    def _joins(self, node: SimNode, at: float) -> None:
        node.joined = True
        node.idle_since = at
        self._group = None
        if node.wanted is Wanted.PAUSE:
            node.paused = True
        elif not node.doomed:
            self._queue.receive(node, at)

    def _hear(self, node: SimNode, at: float) -> None:
        pause = node.wanted is Wanted.PAUSE or node.doomed
        if pause and not node.paused:
            node.paused = True
        elif not pause and node.paused:
            node.paused = False
            self._queue.receive(node, at)

    def _notice(self, node: SimNode, at: float) -> None:
        """Give a node the two-minute notice: it receives no more and hands back late."""
        self.totals.losses += 1
        node.doomed = True
        node.paused = True
        node.item = None
        self._at(at + NOTICE_SECONDS - HAND_BACK_SECONDS, "hand back", node)
        self._at(at + NOTICE_SECONDS, "reclaimed", node)

    def _reclaimed(self, node: SimNode, at: float) -> None:
        """The instance goes; its group starts another in its place where it still counts on it."""
        now, self.now = self.now, at
        self._gone(node)
        if not node.retiring:
            self.desired -= 1
            self.launch(1)
        self.now = now

    def _gone(self, node: SimNode, at: float | None = None) -> None:
        at = self.now if at is None else at
        node.ended = node.paused = True
        self.totals.node_seconds += at - node.launched
        if node.wanted is Wanted.PAUSE:
            self._draining -= 1
        del self.nodes[node.id]
        self._moved(at)

    def _want(self, node: SimNode, wanted: Wanted, token: str) -> None:
        self._draining += (wanted is Wanted.PAUSE) - (node.wanted is Wanted.PAUSE)
        node.wanted, node.token, node.item = wanted, token, None
        if node.joined:
            self._at(self.now + (node.phase - self.now) % REPORT_SECONDS, "hear", node)

    def _at(self, at: float, what: str, node: SimNode) -> None:
        self._number += 1
        heappush(self._events, (at, self._number, what, node))

    def _moved(self, at: float | None = None) -> None:
        self._group = None
        at = self.now if at is None else at
        step = (at, len(self.nodes), self._draining)
        if self.steps[-1][0] == at:
            self.steps[-1] = step
        elif self.steps[-1][1:] != step[1:]:
            self.steps.append(step)


def reversals(nodes: Sequence[int]) -> int:
    """Return how often a number of nodes turns from growing to shrinking or back."""
    turned = direction = 0
    for before, after in pairwise(nodes):
        now = (after > before) - (after < before)
        if now and direction and now != direction:
            turned += 1
        direction = now or direction
    return turned
