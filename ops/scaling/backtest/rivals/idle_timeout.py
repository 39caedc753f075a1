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
from ops.scaling.backtest.rivals.case import full_nodes
from ops.scaling.backtest.rivals.idle import EndsIdle

IDLE_SECONDS: Final = 600.0


class IdleTimeout(EndsIdle):
    """Spawns for what is pending beyond idle and requested capacity; nodes go by themselves."""

    name = "idle-timeout"
    idle_seconds = IDLE_SECONDS

    def wanted(self, machine: Machine) -> int:
        """Return the nodes there are and those to spawn."""
        slots = self._case.settings.slots
        running = sum(1 for node in machine.nodes.values() if node.joined and not node.paused)
        requested = sum(1 for node in machine.nodes.values() if not node.joined) * slots
        idle = max(0, running * slots - machine.in_flight)
        spawn = max(0, machine.visible - idle - requested)
        return machine.desired + full_nodes(spawn, slots)
