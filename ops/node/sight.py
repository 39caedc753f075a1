"""What the agent sees at one moment. Pure.

`now`, `*_at` and `until` are monotonic seconds, wall times seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.node.actions import Action
    from ops.node.seen import Seen
    from ops.registry.word import Heard


class Lane(StrEnum):
    """What does one thing at a time, side by side with the other lanes."""

    WORKERS = "workers"
    METADATA = "metadata"
    REGISTRY = "registry"
    GROUP = "group"


class Kind(StrEnum):
    """What a node is, which decides what it can ask and be asked."""

    INSTANCE = "instance"
    """Of EC2: it has a metadata service."""
    TASK = "task"
    """Of ECS."""
    GIVEN = "given"
    """A machine that was told its id, and has nothing else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which node this is."""

    id: str
    kind: Kind
    group: str = ""
    """Its Auto Scaling group or ECS service; empty where that is not known."""
    trouble: str = ""
    """Why the group is not known."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One look at the workers."""

    at: float
    """When it began."""
    workers: tuple[Seen, ...]
    dead: tuple[int, ...] = ()
    """Process ids of workers that left their sockets behind: they were killed."""
    held: str | None = None
    """Why an operator holds the node; None: nobody does."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the metadata service says. None is absent; where it failed there is a `trouble`."""

    at: float
    target: str | None = None
    """The lifecycle state the group wants, such as `InService`."""
    spot_at: float | None = None
    """When a spot instance will be taken away, in seconds since the epoch."""
    spot: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an action."""

    action: Action
    trouble: str = ""
    """Empty: done."""
    ended: bool = False
    """Auto Scaling knows no action of this hook that waits."""
    stays: bool = False
    """The registry keeps the item: it is claimed, or another process speaks for the node."""
    heard: Heard | None = None
    """What the registry answered."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known now; each reading is the last one that there was."""

    wall: float
    place: Place | None = None
    looked: Looked | None = None
    noticed: Noticed | None = None
    results: tuple[Result, ...] = ()
    """Since the step before."""
    busy: frozenset[Lane] = frozenset()
    """Lanes with something under way."""
    withdrawing: bool = False
    """An operator asks to take the node back."""
    ending: bool = False
    """The agent is asked to end."""
