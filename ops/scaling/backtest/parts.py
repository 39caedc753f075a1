"""What a simulated world is made of: tasks, nodes, and what a run adds up."""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ops.scaling.model import Node, Wanted

#: How often a node reports, and so hears.
REPORT_SECONDS: Final = 15.0
#: EC2's notice before it reclaims a spot instance, and how long before the end work is handed back.
NOTICE_SECONDS: Final = 120.0
HAND_BACK_SECONDS: Final = 25.0
#: What a killed node held comes back when its lease lapses; the worker's lease.
LEASE_SECONDS: Final = 60.0
#: Completions a node tells of; the registry's bound.
_RECENT: Final = 32
_STARTED: Final = 64


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a trace: when it was sent, and how long it runs. Seconds."""

    arrival: float
    service: float


@dataclass(slots=True, eq=False)
class SimNode:
    """A node while it lives."""

    id: str
    launched: float
    ready: float
    slots: int
    phase: float
    started: dict[int, float] = field(default_factory=dict)
    """Start of each running task, by the number of its run."""
    recent: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    begun: int = 0
    paused: bool = False
    """It receives nothing; so it is after its end."""
    wanted: Wanted = Wanted.RUN
    token: str = ""
    ended: bool = False
    doomed: bool = False
    """Its spot instance is being reclaimed: it receives no more, whatever is wanted of it."""
    retiring: bool = False
    """It ends by itself with its last task, and cannot be resumed."""
    joined: bool = False
    idle_since: float = math.inf
    """When its last task ended, or when it joined; of no meaning while it runs any."""
    left: list[tuple[float, float]] = field(default_factory=list)
    """What it ran when it was killed: start and run time."""
    item: Node | None = None
    """Its word in the registry, made anew when something changed."""

    def word(self) -> Node:
        """Return what the registry holds of it."""
        if self.item is None:
            idle = self.paused and not self.started
            self.item = Node(
                self.id,
                len(self.started),
                self.slots,
                math.inf,
                self.paused,
                self.wanted,
                self.token,
                self.token if idle and self.wanted is Wanted.PAUSE else "",
                "",
                self.ready,
                tuple(self.started.values())[:_STARTED],
                tuple(self.recent),
                self.begun,
            )
        return self.item


@dataclass(slots=True)
class Totals:
    """What a run has come to so far."""

    node_seconds: float = 0.0
    launches: int = 0
    """Nodes launched, those that replace lost ones among them."""
    reversals: int = 0
    """How often the number of nodes turned from growing to shrinking or back; known at the end."""
    killed: int = 0
    """Tasks ended by a scale-in."""
    lost: int = 0
    """Tasks ended by a spot loss."""
    losses: int = 0
    """Nodes lost to the spot market."""
    rerun_seconds: float = 0.0
    """What had been run of tasks that ended before they were done."""
    waits: array[float] = field(default_factory=lambda: array("d"))
    """First start less arrival, of each task that started, in the order of their starts."""
