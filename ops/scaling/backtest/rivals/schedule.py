"""`schedule`: a table of nodes for each hour of the week, made with hindsight.

What an operator with a perfect memory would write into scheduled actions: every hour has the nodes
that its busiest five minutes would fill if nothing ever waited, times one factor for all hours, the
smallest that keeps the promise on the very trace it is then judged on. Nodes are launched one boot
before their hour, and drain without a way back after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import KEPT, Case, members

_HOUR: Final = 3600.0
_WEEK_HOURS: Final = 168
_BIN: Final = 300.0
_FACTORS: Final = tuple(1.1**power for power in range(-12, 25))


class Schedule:
    """So many nodes at this hour."""

    name = "schedule"

    def __init__(self, case: Case, table: Sequence[int] | None = None) -> None:
        self._case = case
        self.table = table if table is not None else best_table(case)
        """Nodes by the hour of the week; hour 0 is where the trace's clock has 0 (Thursday)."""

    def tick(self, machine: Machine) -> bool:
        """Launch what the hour of one boot from now wants, retire what neither it nor this does."""
        boot = self._case.settings.boot_seconds
        now, soon = self._at(machine.now), self._at(machine.now + boot)
        wanted = max(now, soon)
        change = wanted - machine.desired
        if change > 0:
            machine.launch(change)
        elif change < 0:
            emptiest = sorted(members(machine), key=lambda node: len(node.started))
            for node in emptiest[:-change]:
                machine.retire(node.id)
        return change != 0

    def wakes_at(self, now: float) -> float:
        """Return the next hour, or one boot before it."""
        hour = (math.floor(now / _HOUR) + 1) * _HOUR
        early = hour - self._case.settings.boot_seconds
        return early if early > now else hour

    def _at(self, at: float) -> int:
        return self._case.bounded(self.table[math.floor(at / _HOUR) % _WEEK_HOURS])


def best_table(case: Case) -> list[int]:
    """Return the cheapest table of this kind that starts 99.9 % of the tasks in time."""
    from ops.scaling.backtest.run import run  # noqa: PLC0415 - the two would import each other

    peaks = busiest(case)

    def table(factor: float) -> list[int]:
        return [math.ceil(peak * factor / case.settings.slots) for peak in peaks]

    def keeps(factor: float) -> bool:
        done = run(
            Schedule(replace(case, losses=None), table(factor)),
            case.trace,
            slots=case.settings.slots,
            boot_seconds=case.settings.boot_seconds,
            seed=case.seed,
        )
        late = sum(1 for wait in done.machine.totals.waits if wait > case.promise_seconds)
        return late + done.machine.unstarted <= (1 - KEPT) * len(case.trace)

    low, high = -1, len(_FACTORS) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(_FACTORS[middle]) else (middle, high)
    return table(_FACTORS[high])


def busiest(case: Case) -> list[float]:
    """Return the running tasks of the busiest five minutes of each hour of the week.

    As if every task started as it came; a mean over the five minutes.
    """
    trace = case.trace
    first = math.floor(trace.begins_at / _BIN)
    last = math.floor(
        max(a + s for a, s in zip(trace.arrivals, trace.services, strict=True)) / _BIN
    )
    size = last - first + 2
    # A task adds its parts of the first and the last bin, and one to those between.
    parts, whole = [0.0] * (size + 1), [0] * (size + 1)
    for arrival, service in zip(trace.arrivals, trace.services, strict=True):
        begin, end = arrival / _BIN - first, (arrival + service) / _BIN - first
        a, b = int(begin), int(end)
        if a == b:
            parts[a] += end - begin
        else:
            parts[a] += a + 1 - begin
            parts[b] += end - b
            whole[a + 1] += 1
            whole[b] -= 1
    peaks = [0.0] * _WEEK_HOURS
    for index, (part, full) in enumerate(zip(parts, accumulate(whole), strict=True)):
        hour = math.floor((first + index) * _BIN / _HOUR) % _WEEK_HOURS
        peaks[hour] = max(peaks[hour], part + full)
    return peaks
