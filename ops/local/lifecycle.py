"""An instance's way through its Auto Scaling group, and the hooks that hold it up: no I/O.

States as Auto Scaling names them ("Amazon EC2 Auto Scaling instance lifecycle", User Guide)::

    Pending -> Pending:Wait -> Pending:Proceed -> InService
    Terminating -> Terminating:Wait -> Terminating:Proceed -> Terminated

In a warm pool the same states are ``Warmed:Pending`` and so on, and ``Warmed:Stopped`` or
``Warmed:Running`` is where it waits; from there it is launched again, from ``Pending`` on ("Use
lifecycle hooks with a warm pool").

All hooks of a transition begin at once. A launch that any of them abandons is terminated; of a
termination an ABANDON ends the other hooks' waits too (API Reference, CompleteLifecycleAction).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

#: A hook lasts at most so long, or so many of its heartbeat timeouts, whichever is less
#: (API Reference, LifecycleHook, GlobalTimeout).
GLOBAL_SECONDS: Final = 172_800
GLOBAL_HEARTBEATS: Final = 100


class State(StrEnum):
    """Where an instance is in its group."""

    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    PENDING_PROCEED = "Pending:Proceed"
    IN_SERVICE = "InService"
    WARMED = "Warmed"
    TERMINATING = "Terminating"
    TERMINATING_WAIT = "Terminating:Wait"
    TERMINATING_PROCEED = "Terminating:Proceed"
    TERMINATED = "Terminated"


JOINING: Final = frozenset({State.PENDING, State.PENDING_WAIT, State.PENDING_PROCEED})
LEAVING: Final = frozenset(
    {State.TERMINATING, State.TERMINATING_WAIT, State.TERMINATING_PROCEED, State.TERMINATED}
)


class Pool(StrEnum):
    """How an instance waits in a warm pool."""

    STOPPED = "Stopped"
    RUNNING = "Running"


class Result(StrEnum):
    """What a hook's action came to."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


class NoActionError(Exception):
    """No action of this hook is under way for the instance, or the token is another action's."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook of a group: `default` is what a wait comes to that nobody ends."""

    name: str
    heartbeat_seconds: float
    default: Result

    @property
    def global_seconds(self) -> float:
        """How long an instance may wait for this hook, heartbeats or not."""
        return min(GLOBAL_SECONDS, GLOBAL_HEARTBEATS * self.heartbeat_seconds)


@dataclass(frozen=True, slots=True)
class Wait:
    """An action under way: it lapses at `until`, which heartbeats move to at most `at_most`."""

    hook: Hook
    token: str
    until: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Life:
    """The state of an instance, and what it waits for. `abandoned`: a launch hook gave it up.

    `pool` is how it waits, or is to wait, in the warm pool; None where it has no part in that.
    `returns`: it was in service, and goes back there through the hooks of an end.
    """

    state: State
    waits: tuple[Wait, ...] = ()
    abandoned: bool = False
    pool: Pool | None = None
    returns: bool = False

    @property
    def shown(self) -> str:
        """The state as Auto Scaling shows it."""
        if self.pool is None:
            return str(self.state)
        return f"Warmed:{self.pool if self.state is State.WARMED else self.state}"

    @property
    def due(self) -> float | None:
        """When the next of its waits lapses; None where it waits for nothing."""
        return min((wait.until for wait in self.waits), default=None)

    @property
    def leaving(self) -> bool:
        """Whether it is on its way out of the group."""
        return self.state in LEAVING

    @property
    def may_serve(self) -> bool:
        """Whether nothing but the machine keeps it from being in service."""
        return self.state in {State.PENDING, State.PENDING_PROCEED}

    @property
    def warmed(self) -> bool:
        """Whether it waits in the warm pool, and can be launched from there."""
        return self.state is State.WARMED

    @property
    def may_end(self) -> bool:
        """Whether nothing keeps its machine from being shut down."""
        return self.state in {State.TERMINATING, State.TERMINATING_PROCEED}

    @property
    def target(self) -> str:
        """What the metadata path ``autoscaling/target-lifecycle-state`` says."""
        warm = "Warmed:" if self.pool is not None else ""
        if self.leaving:
            return f"{warm}Terminated"
        return "InService" if self.pool is None else f"{warm}{self.pool}"


def launched(
    hooks: Iterable[Hook], now: float, token: Callable[[], str], pool: Pool | None = None
) -> Life:
    """Return the life of an instance that begins, held up by the hooks of the launch.

    With a `pool` it begins there; one that waits there begins a second time without.
    """
    waits = _waits(hooks, now, token)
    return Life(State.PENDING_WAIT if waits else State.PENDING, waits, pool=pool)


def returning(hooks: Iterable[Hook], now: float, token: Callable[[], str], pool: Pool) -> Life:
    """Return the life of an instance that goes from service to the pool, held up by the hooks of
    an end: in ``Warmed:Pending:Wait``, says the guide.
    """
    return replace(launched(hooks, now, token, pool), returns=True)


def serving(life: Life) -> Life:
    """Return the life of an instance whose machine is as it is to be, once no hook waits: it runs
    and serves, or waits in the pool.
    """
    if not life.may_serve:
        return life
    return Life(State.IN_SERVICE if life.pool is None else State.WARMED, pool=life.pool)


def leaving(life: Life, hooks: Iterable[Hook], now: float, token: Callable[[], str]) -> Life:
    """Return the life of an instance that is to go; one that goes already goes on as it does."""
    if life.leaving and not life.abandoned:
        return life
    waits = _waits(hooks, now, token)
    return Life(State.TERMINATING_WAIT if waits else State.TERMINATING, waits, pool=life.pool)


def gone(life: Life) -> Life:
    """Return the life of an instance whose machine has ended after its hooks."""
    return Life(State.TERMINATED, pool=life.pool) if life.may_end else life


def heartbeat(life: Life, hook: str, token: str | None, now: float) -> Life:
    """Begin the hook's heartbeat timeout anew, within its global one. Raises NoActionError."""
    wait = _under_way(life, hook, token)
    later = replace(wait, until=min(now + wait.hook.heartbeat_seconds, wait.at_most))
    return replace(life, waits=tuple(later if each is wait else each for each in life.waits))


def completed(life: Life, hook: str, token: str | None, result: Result) -> Life:
    """End a hook's wait. Raises NoActionError."""
    return _ended(life, _under_way(life, hook, token), result)


def lapsed(life: Life, now: float) -> Life:
    """End the waits that nobody ended in time, each with its hook's default result."""
    while (wait := next((each for each in life.waits if each.until <= now), None)) is not None:
        life = _ended(life, wait, wait.hook.default)
    return life


def _waits(hooks: Iterable[Hook], now: float, token: Callable[[], str]) -> tuple[Wait, ...]:
    return tuple(
        Wait(hook, token(), now + hook.heartbeat_seconds, now + hook.global_seconds)
        for hook in hooks
    )


def _under_way(life: Life, hook: str, token: str | None) -> Wait:
    for wait in life.waits:
        if wait.hook.name == hook and token in {None, wait.token}:
            return wait
    raise NoActionError(hook)


def _ended(life: Life, wait: Wait, result: Result) -> Life:
    left = tuple(each for each in life.waits if each is not wait)
    joining = life.state is State.PENDING_WAIT
    if joining and result is Result.ABANDON and not life.returns:
        return Life(State.TERMINATING, abandoned=True, pool=life.pool)
    if left and result is Result.CONTINUE:
        return replace(life, waits=left)
    proceeds = State.PENDING_PROCEED if joining else State.TERMINATING_PROCEED
    return replace(life, state=proceeds, waits=())
