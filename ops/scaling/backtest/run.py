"""Run one policy over one trace: a tick, a decision, what it says, the next tick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.machine import Machine, Task
from ops.scaling.backtest.trace import Trace
from ops.scaling.decide import TICK_SECONDS, decide
from ops.scaling.memory import Memory
from ops.scaling.model import QueueSnapshot, Reading
from ops.scaling.settings import Settings
from ops.scaling.windows import next_change


class Policy(Protocol):
    """Decides over a simulated queue, once a tick."""

    name: str

    def tick(self, machine: Machine) -> bool:
        """Look at the machine and act on it; return whether anything was done."""
        ...

    def wakes_at(self, now: float) -> float:
        """Return when it would do something though nothing happens, in seconds; inf for never."""
        ...


class Fleet:
    """The production decisions: `decide` on a snapshot of the machine, and what it says done."""

    name = "fleet"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.memory = Memory()
        self._ticks = 0

    def tick(self, machine: Machine) -> bool:
        """Decide as the engine does, and do it."""
        self._ticks += 1
        now = machine.now
        oldest = machine.oldest_age()
        snapshot = QueueSnapshot(
            self.settings.queue,
            now,
            Reading(machine.counts(), now, "simulated"),
            Reading(oldest, now, "simulated"),
            Reading(machine.group(), now, "simulated"),
            Reading(machine.words(), now, "simulated"),
            watched_since=self.memory.ticked_at,
        )
        decision = decide(snapshot, self.settings, self.memory, f"t{self._ticks}")
        for action in decision.actions:
            match action.kind:
                case "launch":
                    machine.launch(action.nodes)
                case "pause":
                    machine.pause(action.node, action.token)
                case "resume":
                    machine.resume(action.node, action.token)
                case "terminate" | "replace":
                    machine.end(action.node)
        return bool(decision.actions)

    def wakes_at(self, now: float) -> float:
        """Return the next change of a window, or the end of the cool-down or of a hold."""
        at = next_change(self.settings.windows, now) if self.settings.windows else None
        wake = math.inf if at is None else at
        if self.memory.launched_at is not None:
            rested = self.memory.launched_at + max(
                self.settings.cool_down_seconds, self.settings.boot_seconds
            )
            if rested >= now:
                wake = min(wake, rested)
        if self.memory.holding.idle:
            hold = self.memory.holding.seconds(self.settings.boot_seconds)
            wake = min(wake, max(now, min(self.memory.holding.idle.values()) + hold))
        return wake


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one trace, over."""

    policy: str
    machine: Machine
    work_seconds: float
    """The trace's run times together."""
    ticks: int


#: A queue with work in it, no node, and a policy that has done nothing for so long: it never will.
_GIVE_UP_SECONDS: Final = 86_400.0


def run(
    policy: Policy,
    trace: Trace | Sequence[Task],
    *,
    slots: int,
    boot_seconds: float,
    seed: int = 0,
    losses: Losses | Sequence[float] | None = None,
    tick_seconds: float = TICK_SECONDS,
) -> Run:
    """Run a policy over a trace to its end, and a machine that stands still in between is skipped.

    Two ticks of quiet must pass before that, since what a policy does may rest on the tick before.
    A policy that leaves work in the queue and does nothing for a day ends the run; what it has not
    started stays unstarted.
    """
    machine = Machine(trace, slots, boot_seconds, seed, losses)
    quiet = ticks = 0
    begin = at = stirred = machine.now
    while True:
        machine.advance(at)
        if machine.finished:
            break
        ticks += 1
        acted = policy.tick(machine)
        if acted or machine.changed:
            quiet, stirred = 0, at
        elif machine.visible:
            quiet = 0
            if at - stirred > _GIVE_UP_SECONDS and machine.next_event() == math.inf:
                break
        else:
            quiet += 1
        at += tick_seconds
        if quiet >= 2:
            wake = min(machine.next_event(), policy.wakes_at(machine.now))
            at = max(at, begin + math.ceil((wake - begin) / tick_seconds) * tick_seconds)
    machine.close()
    work = trace.work_seconds if isinstance(trace, Trace) else sum(task.service for task in trace)
    return Run(policy.name, machine, work, ticks)
