"""`buildkite`: Buildkite's agent scaler, as its Elastic CI Stack sets it up.

Sources: buildkite-agent-scaler 1.9, scaler/scaler.go and scaling_calculator.go (each 10 s the
desired capacity is `ceil((scheduled + running) / agents)`; scale-out factor 1.0) and README.md,
"Gracefully scaling in": the scaler's own scale-in is off, and an instance takes itself out of its
group once all of its agents have been idle for `ScaleInIdlePeriod`, 600 s; buildkite-agent,
agent/idle_monitor.go, for "all of its agents".

Kinder than the original: no cool-down of scale-out, and an agent that has not had a job yet counts
as idle.
"""

from __future__ import annotations

from typing import Final

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import full_nodes
from ops.scaling.backtest.rivals.idle import EndsIdle

TICK_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 600.0


class Buildkite(EndsIdle):
    """Launches for every job; nodes go by themselves."""

    name = "buildkite"
    idle_seconds = IDLE_SECONDS

    def wanted(self, machine: Machine) -> int:
        """Return the nodes that all jobs fill, waiting or running."""
        return full_nodes(machine.visible + machine.in_flight, self._case.settings.slots)
