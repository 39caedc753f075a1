"""`static`: always the same number of nodes, the smallest that keeps the promise.

It has hindsight: the number is found by replaying the very trace it is then judged on, so no fixed
group can be cheaper. The nodes are there before the first task.
"""

from __future__ import annotations

import math

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import KEPT, Case


class Static:
    """A fixed group."""

    name = "static"

    def __init__(self, case: Case) -> None:
        self.nodes = least(case)
        self._begun = False

    def tick(self, machine: Machine) -> bool:
        """Launch all of it, once."""
        if self._begun:
            return False
        self._begun = True
        machine.launch(self.nodes, boot_seconds=0.0)
        return True

    def wakes_at(self, now: float) -> float:
        """It never does anything again."""
        return math.inf


def least(case: Case) -> int:
    """Return the least number of nodes that starts 99.9 % of the tasks in time, or the maximum."""
    low, high = case.bounded(1, at_least=1) - 1, case.bounded(1, at_least=1)
    while high < case.settings.maximum and not _keeps(case, high):
        low, high = high, min(2 * high, case.settings.maximum)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _keeps(case, middle) else (middle, high)
    return high


def _keeps(case: Case, nodes: int) -> bool:
    machine = Machine(case.trace, case.settings.slots, 0.0, case.seed)
    machine.launch(nodes)
    late_at_most = (1 - KEPT) * len(case.trace)
    step = max(3600.0, case.trace.lasts_seconds / 20)
    at = machine.now
    while not machine.finished:
        at += step
        machine.advance(at)
        late = sum(1 for wait in machine.totals.waits if wait > case.promise_seconds)
        if late > late_at_most:
            return False
    return True
