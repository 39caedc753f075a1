"""`target-tracking`: AWS's target tracking on the backlog of an instance.

Sources: Amazon EC2 Auto Scaling User Guide, "Scaling policy based on Amazon SQS" (the metric is
visible messages by instances in service; the target is the acceptable latency by the time one
message takes) and "Target tracking scaling policies" (one alarm above the target for three minutes,
one below 90 % of it for fifteen; instances that warm up count as capacity, and nothing is taken
while any does; capacity is added in proportion, and taken "more gradually"; without data nothing is
done, so that at least one instance must stay). Which instance goes is the default termination
policy's affair, which does not know who is busy.

How gradually is not published: here a tenth of the capacity a minute, at least one. The time a
message takes is the trace's own mean, which an operator would have to measure.
"""

from __future__ import annotations

import math
from typing import Final

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import Case, victims

PERIOD_SECONDS: Final = 60.0
HIGH_PERIODS: Final = 3
LOW_PERIODS: Final = 15
LOW_PART: Final = 0.9
TAKEN_A_MINUTE: Final = 0.1


class TargetTracking:
    """Two alarms on a metric that CloudWatch has once a minute."""

    name = "target-tracking"

    def __init__(self, case: Case) -> None:
        self._case = case
        mean = max(case.trace.work_seconds / len(case.trace), 0.001)
        self.target = case.settings.slots * case.promise_seconds / mean
        """Acceptable backlog of an instance, in messages."""
        self._rng = case.rng()
        self._due = -math.inf
        self._high = self._low = 0

    def tick(self, machine: Machine) -> bool:
        """Look at the metric once a minute, and follow an alarm."""
        now, desired = machine.now, machine.desired
        lowest = self._case.bounded(0, at_least=1)
        if desired < lowest:
            machine.launch(lowest - desired)
            return True
        if now < self._due:
            return False
        self._count(machine)
        self._due = now + PERIOD_SECONDS
        if self._high >= HIGH_PERIODS:
            wanted = self._case.bounded(math.ceil(machine.visible / self.target), lowest)
            if wanted > desired:
                machine.launch(wanted - desired)
                return True
        elif self._low >= LOW_PERIODS and all(node.joined for node in machine.nodes.values()):
            share = max(1, math.floor(desired * TAKEN_A_MINUTE))
            wanted = max(lowest, math.ceil(machine.visible / self.target), desired - share)
            for node in victims(machine, desired - wanted, self._rng):
                machine.end(node.id)
            return wanted < desired
        return False

    def wakes_at(self, now: float) -> float:
        """Return the next minute: its alarms count also where nothing happens."""
        return self._due

    def _count(self, machine: Machine) -> None:
        in_service = sum(1 for node in machine.nodes.values() if node.joined)
        if not in_service:
            return
        metric = machine.visible / in_service
        self._high = self._high + 1 if metric > self.target else 0
        self._low = self._low + 1 if metric < LOW_PART * self.target else 0
