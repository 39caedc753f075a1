"""`idle-timeout`: Taskcluster's worker-manager, with workers that end after ten idle minutes.

Source: taskcluster, services/worker-manager/src/estimator.js (`simple`, `scalingRatio` 1.0): the
capacity to spawn is what is pending, less what is idle, less what is requested; workers shut down
by themselves (generic-worker's `idleTimeoutSecs`). It is the provisioner of the pools whose traces
are in the table.

Kinder than the original: it looks every 15 s, and not once a minute.
"""

from __future__ import annotations

from typing import Final

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import Case, end_idle, full_nodes, next_idle

IDLE_SECONDS: Final = 600.0


class IdleTimeout:
    """Spawns for what is pending beyond idle and requested capacity; nodes go by themselves."""

    name = "idle-timeout"

    def __init__(self, case: Case) -> None:
        self._case = case
        self._next = float("inf")

    def tick(self, machine: Machine) -> bool:
        """One loop of the provisioner, and what idle workers do meanwhile."""
        case, slots = self._case, self._case.settings.slots
        lowest = case.bounded(0)
        acted = end_idle(machine, IDLE_SECONDS, lowest)
        running = sum(1 for node in machine.nodes.values() if node.joined and not node.paused)
        requested = sum(1 for node in machine.nodes.values() if not node.joined) * slots
        idle = max(0, running * slots - machine.in_flight)
        spawn = max(0, machine.visible - idle - requested)
        wanted = case.bounded(machine.desired + full_nodes(spawn, slots))
        if wanted > machine.desired:
            machine.launch(wanted - machine.desired)
            acted = True
        self._next = next_idle(machine, IDLE_SECONDS, lowest)
        return acted

    def wakes_at(self, now: float) -> float:
        """Return when the next node will have been idle for long enough."""
        return self._next
