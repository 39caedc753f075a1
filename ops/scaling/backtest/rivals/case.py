"""What a rival is set up with, and what several of them do to nodes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.machine import Machine, SimNode
from ops.scaling.backtest.trace import Trace
from ops.scaling.settings import Settings

#: Where a queue has no promise, rivals that need one are given this.
PROMISE_SECONDS: Final = 300.0
#: A rival with hindsight is given the least capacity that starts this share of tasks in time.
KEPT: Final = 0.999


@dataclass(frozen=True, slots=True)
class Case:
    """One trace, how its queue is set up, and the seed of everything left to chance."""

    trace: Trace
    settings: Settings
    seed: int = 0
    losses: Losses | None = None

    @property
    def promise_seconds(self) -> float:
        """Return the longest a task may wait."""
        return self.settings.start_within_seconds or PROMISE_SECONDS

    def bounded(self, nodes: int, at_least: int = 0) -> int:
        """Return the number within the queue's bounds."""
        low = max(self.settings.minimum, at_least)
        return min(max(nodes, low), self.settings.maximum)

    def rng(self) -> Random:
        """Return a source of chance that is not the machine's."""
        return Random(self.seed + 2)  # noqa: S311


def full_nodes(tasks: int, slots: int) -> int:
    """Return the nodes that so many tasks fill."""
    return -(-tasks // slots)


def members(machine: Machine) -> list[SimNode]:
    """Return the nodes that count as the group's capacity."""
    return [node for node in machine.nodes.values() if not node.retiring]


def victims(machine: Machine, count: int, rng: Random) -> list[SimNode]:
    """Return nodes picked by someone who does not know which are busy: booting ones, then any."""
    nodes = members(machine)
    rng.shuffle(nodes)
    nodes.sort(key=lambda node: node.joined)
    return nodes[:count]
