"""Rivals whose nodes end by themselves once they have been idle for long enough."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ops.scaling.backtest.machine import Machine
from ops.scaling.backtest.rivals.case import Case


class EndsIdle(ABC):
    """Launches what a rule wants and never takes a node away; the nodes do that."""

    name: str
    idle_seconds: float

    def __init__(self, case: Case) -> None:
        self._case = case
        self._next = float("inf")

    @abstractmethod
    def wanted(self, machine: Machine) -> int:
        """Return how many nodes the rule wants, before the queue's bounds."""

    def tick(self, machine: Machine) -> bool:
        """One look of the rule, and what idle nodes did meanwhile."""
        lowest = self._case.bounded(0)
        acted = _end_idle(machine, self.idle_seconds, lowest)
        wanted = self._case.bounded(self.wanted(machine))
        if wanted > machine.desired:
            machine.launch(wanted - machine.desired)
            acted = True
        self._next = _next_idle(machine, self.idle_seconds, lowest)
        return acted

    def wakes_at(self, now: float) -> float:
        """Return when the next node will have been idle for long enough."""
        return self._next


def _end_idle(machine: Machine, idle_seconds: float, at_least: int) -> bool:
    """End the nodes whose slots have all been idle for so long; return whether any was."""
    idle = [
        node
        for node in machine.nodes.values()
        if not node.started and not node.doomed and machine.now - node.idle_since >= idle_seconds
    ]
    ended = idle[: max(0, machine.desired - at_least)]
    for node in ended:
        machine.end(node.id)
    return bool(ended)


def _next_idle(machine: Machine, idle_seconds: float, at_least: int) -> float:
    """Return when the next node will have been idle for so long, if nothing happens; or inf."""
    if machine.desired <= at_least:
        return float("inf")
    return min(
        (
            node.idle_since + idle_seconds
            for node in machine.nodes.values()
            if not node.started and not node.doomed
        ),
        default=float("inf"),
    )
