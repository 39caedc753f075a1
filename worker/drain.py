"""How a worker pauses, drains and leaves: a state machine without I/O.

An ``Order`` changes the ``Plan``; ``step`` says what to do now. Times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

#: What is received but not started gets this long to start by itself (a pool child may be on
#: its way up) before it is withdrawn; the promise is to have it visible again within two.
START_GRACE_SECONDS: Final = 1.0

#: How long the last deletes may take once all tasks have ended.
FLUSH_SECONDS: Final = 10.0


class Phase(StrEnum):
    """What a worker is doing, as ``ops node status`` says it."""

    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    LEAVING = "leaving"


class Verb(StrEnum):
    """An order to a worker."""

    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"
    HAND_BACK = "hand back"  # everything, now


@dataclass(frozen=True, slots=True)
class Order:
    """An order; ``within_seconds`` bounds a drain, ``spot`` marks a reclaim's deadline."""

    verb: Verb
    reason: str
    within_seconds: float | None = None
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What the worker is about."""

    phase: Phase = Phase.RUNNING
    reason: str = ""
    since: float = 0.0
    deadline: float | None = None
    spot: bool = False


def ordered(plan: Plan, order: Order, now: float, budget_seconds: float) -> Plan:
    """Return the plan after an order.

    A drain is never undone, and its deadline only ever comes nearer: a second, nearer notice
    shortens it, a later one changes nothing.
    """
    if plan.phase is Phase.LEAVING:
        return plan
    if order.verb in (Verb.PAUSE, Verb.RESUME):
        if plan.phase is Phase.DRAINING:
            return plan
        phase = Phase.PAUSED if order.verb is Verb.PAUSE else Phase.RUNNING
        return plan if phase is plan.phase else Plan(phase, order.reason, now)
    within = budget_seconds if order.within_seconds is None else order.within_seconds
    if order.verb is Verb.HAND_BACK:
        within = 0.0
    deadline = now + max(0.0, within)
    if plan.phase is not Phase.DRAINING or plan.deadline is None:
        return Plan(Phase.DRAINING, order.reason, now, deadline, order.spot)
    if deadline < plan.deadline:
        return replace(plan, deadline=deadline, reason=order.reason, spot=plan.spot or order.spot)
    return replace(plan, spot=plan.spot or order.spot)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the worker holds at one moment."""

    open_polls: int
    buffered: int
    unstarted: int  # given to Celery, not begun
    running: int
    backlog: int  # acknowledgements not confirmed


class Do(StrEnum):
    """What to do now."""

    RECEIVE = "receive"
    HOLD = "hold"  # open no poll, hand back what waits for a slot
    WITHDRAW = "withdraw"  # take back from the pool what has not begun
    CUT_OFF = "cut off"  # hand back and end what runs
    LEAVE = "leave"  # flush the acknowledgements and end the process


def step(plan: Plan, standing: Standing, now: float) -> tuple[Do, ...]:
    """Return what to do now, in this order. Doing any of it twice is harmless."""
    if plan.phase is Phase.RUNNING:
        return (Do.RECEIVE,)
    if plan.phase is Phase.PAUSED:
        return (Do.HOLD,)
    if plan.phase is Phase.LEAVING:
        return ()
    todo: list[Do] = [Do.HOLD]
    if standing.unstarted and now - plan.since >= START_GRACE_SECONDS:
        todo.append(Do.WITHDRAW)
    over = plan.deadline is not None and now >= plan.deadline
    if over and (standing.buffered or standing.unstarted or standing.running):
        todo.append(Do.CUT_OFF)
    elif not (standing.buffered or standing.unstarted or standing.running) and (
        standing.open_polls == 0 or (over and plan.spot)
    ):
        todo.append(Do.LEAVE)
    return tuple(todo)
