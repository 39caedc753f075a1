"""What the scaling engine sees of a queue, and what it may do: plain values, no I/O.

Times are seconds since the epoch, ages and durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value with when and where it was taken; None is unknown, which is never zero."""

    value: T | None
    taken_at: float
    """When it was true as far as anyone knows, not when it was asked for."""
    source: str
    """Who said so, such as `sqs:GetQueueAttributes`."""
    trouble: str = ""
    """Why it is unknown: `denied`, `throttled`, `absent`, or what went wrong."""

    def age(self, now: float) -> float:
        """Return how old the reading is, in seconds."""
        return now - self.taken_at


@dataclass(frozen=True, slots=True)
class Counts:
    """SQS's approximate counts of a queue; they may lag by a minute."""

    visible: int
    in_flight: int
    delayed: int


class Lifecycle(StrEnum):
    """Where an instance is in its group: Auto Scaling's states, and ECS's in the same words."""

    PENDING = "pending"
    """Launched, and not yet in service."""
    IN_SERVICE = "in service"
    LEAVING = "leaving"
    """Terminating, detaching or being put on standby: it no longer counts as capacity."""
    WARM = "warm"
    """Waits in the warm pool; it is no capacity until it is launched from there."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a group, or one task of an ECS service."""

    id: str
    lifecycle: Lifecycle
    healthy: bool = True
    protected: bool = False
    """Protected from scale-in by someone; ours is never the hand that ends it."""


@dataclass(frozen=True, slots=True)
class Group:
    """An Auto Scaling group or an ECS service, as its service describes it."""

    name: str
    desired: int
    minimum: int
    maximum: int
    instances: tuple[Instance, ...]
    suspended: frozenset[str] = frozenset()
    """Suspended processes by Auto Scaling's names: Launch, Terminate, ReplaceUnhealthy..."""


class Wanted(StrEnum):
    """What the engine wants of a node; the node answers in its own item."""

    RUN = "run"
    PAUSE = "pause"
    END = "end"
    """Its termination is claimed: it must never receive again."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node's item in the registry: what it says of itself, and what is wanted of it."""

    id: str
    """Its instance id, or its ECS task's."""
    busy: int
    """Slots that run a task."""
    slots: int
    said_at: float
    """Its last word."""
    paused: bool = False
    """It receives nothing; what runs goes on."""
    wanted: Wanted = Wanted.RUN
    token: str = ""
    """The token of the last state asked of it."""
    confirmed: str = ""
    """The token it confirmed: "paused, idle, this token"."""
    release: str = ""
    joined_at: float = 0.0
    """When it first spoke."""
    started: tuple[float, ...] = ()
    """When its running tasks started, oldest first; may hold fewer than `busy`."""
    recent: tuple[tuple[float, float], ...] = ()
    """Its last completions, oldest first: when each ended, and how long it ran."""
    begun: int = 0
    """Tasks it has begun since it joined; falls back to 0 only when it restarts."""
    longest_wait: float | None = None
    """The longest wait (sent to start) among the tasks it started since its word before."""
    polled: float | None = None
    """When a poll of its workers was last answered; None: none was yet, or it does not say."""
    claimed_at: float | None = None
    """When its termination was claimed; from then on it may be ended, and never runs again."""


@dataclass(frozen=True, slots=True)
class Pin:
    """An operator's order to hold a queue at a number of nodes."""

    nodes: int
    until: float | None
    by: str = ""


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """All that is known of one queue at one tick."""

    queue: str
    now: float
    counts: Reading[Counts]
    oldest: Reading[float]
    """The age of the oldest visible message."""
    group: Reading[Group]
    nodes: Reading[tuple[Node, ...]]
    pin: Pin | None = None
    watched_since: float | None = None
    """Nothing has happened from then until now but what is seen now, though nobody ticked; the
    backtest says so of ticks it skips."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Raise the group's desired capacity to `desired`, which is `nodes` more than it was."""

    nodes: int
    desired: int
    kind: Literal["launch"] = "launch"


@dataclass(frozen=True, slots=True)
class Pause:
    """Ask a node to receive no more; it confirms with `token` once it is idle."""

    node: str
    token: str
    kind: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True)
class Resume:
    """Ask a node to receive again; `token` voids what it confirmed before."""

    node: str
    token: str
    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True)
class Terminate:
    """End a node that confirmed `token`, and lower the desired capacity by one."""

    node: str
    token: str
    kind: Literal["terminate"] = "terminate"


@dataclass(frozen=True, slots=True)
class Replace:
    """End a node that does not speak; its group starts another in its place."""

    node: str
    why: str
    kind: Literal["replace"] = "replace"


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete the item of a node whose instance is gone from the group."""

    node: str
    kind: Literal["forget"] = "forget"


Action: TypeAlias = Launch | Pause | Resume | Terminate | Replace | Forget
