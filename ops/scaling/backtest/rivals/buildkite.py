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
from ops.scaling.backtest.rivals.case import Case, end_idle, full_nodes, next_idle

TICK_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 600.0


class Buildkite:
    """Launches for every job; nodes go by themselves."""

    name = "buildkite"

    def __init__(self, case: Case) -> None:
        self._case = case
        self._next = float("inf")

    def tick(self, machine: Machine) -> bool:
        """One poll of the scaler, and what idle nodes do meanwhile."""
        lowest = self._case.bounded(0)
        acted = end_idle(machine, IDLE_SECONDS, lowest)
        jobs = machine.visible + machine.in_flight
        wanted = self._case.bounded(full_nodes(jobs, self._case.settings.slots))
        if wanted > machine.desired:
            machine.launch(wanted - machine.desired)
            acted = True
        self._next = next_idle(machine, IDLE_SECONDS, lowest)
        return acted

    def wakes_at(self, now: float) -> float:
        """Return when the next node will have been idle for long enough."""
        return self._next
