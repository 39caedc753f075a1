"""`simple`: slots for what waits and runs, with drains that can be undone.

No product's: `ceil((visible + in flight) / slots)` at every tick. Missing nodes are first resumed
from those that drain, the fullest first, and then launched; of too many the emptiest are paused,
and ended once they are idle.
"""

from __future__ import annotations

import math

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import Case, full_nodes
from ops.scaling.model import Wanted


class Simple:
    """The depth of the queue, and nothing else."""

    name = "simple"

    def __init__(self, case: Case) -> None:
        self._case = case

    def tick(self, machine: Machine) -> bool:
        """Bring the receiving nodes to what the queue's depth fills."""
        tasks = machine.visible + machine.in_flight
        wanted = self._case.bounded(full_nodes(tasks, self._case.settings.slots))
        nodes = list(machine.nodes.values())
        draining = [node for node in nodes if node.wanted is Wanted.PAUSE]
        active = [node for node in nodes if node.wanted is Wanted.RUN and not node.doomed]
        change = wanted - len(active)
        acted = change != 0
        if change > 0:
            draining.sort(key=lambda node: -len(node.started))
            for node in draining[:change]:
                machine.resume(node.id, "")
            if change > len(draining):
                machine.launch(change - len(draining))
            draining = draining[change:]
        elif change < 0:
            active.sort(key=lambda node: len(node.started) if node.joined else -1)
            for node in active[:-change]:
                machine.pause(node.id, "")
        for node in draining:
            if node.paused and not node.started and not node.doomed:
                machine.end(node.id)
                acted = True
        return acted

    def wakes_at(self, now: float) -> float:
        """Nothing but the queue moves it."""
        return math.inf
