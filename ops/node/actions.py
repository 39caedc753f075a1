"""What the agent may do, as values. Pure. Each is done in its lane; those without one at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from ops.node.sight import Lane
from ops.registry.word import Word


@dataclass(frozen=True, slots=True)
class Look:
    """Ask every worker how it is."""

    lane: ClassVar[Lane] = Lane.WORKERS


@dataclass(frozen=True, slots=True)
class Tell:
    """Give a worker an order."""

    lane: ClassVar[Lane] = Lane.WORKERS
    pid: int
    verb: str
    reason: str
    within_seconds: float | None = None
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Identify:
    """Find out which node this is."""

    lane: ClassVar[Lane] = Lane.METADATA


@dataclass(frozen=True, slots=True)
class Peek:
    """Ask the metadata service for the lifecycle state and for notices."""

    lane: ClassVar[Lane] = Lane.METADATA


@dataclass(frozen=True, slots=True)
class Speak:
    """Say the node's word to the registry, and hear."""

    lane: ClassVar[Lane] = Lane.REGISTRY
    word: Word


@dataclass(frozen=True, slots=True)
class Confirm:
    """Confirm that the node is paused and idle."""

    lane: ClassVar[Lane] = Lane.REGISTRY
    token: str
    word: Word


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the node back from the engine, by an operator's hand."""

    lane: ClassVar[Lane] = Lane.REGISTRY


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the registry."""

    lane: ClassVar[Lane] = Lane.REGISTRY


@dataclass(frozen=True, slots=True)
class Beat:
    """Keep the leaving hook alive."""

    lane: ClassVar[Lane] = Lane.GROUP


@dataclass(frozen=True, slots=True)
class Complete:
    """Complete a lifecycle hook: the instance goes on."""

    lane: ClassVar[Lane] = Lane.GROUP
    hook: str
    state: str = ""
    """The lifecycle state that the instance goes into."""


@dataclass(frozen=True, slots=True)
class Condemn:
    """Tell Auto Scaling that the instance is unhealthy."""

    lane: ClassVar[Lane] = Lane.GROUP
    why: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Have workers that start be paused for this reason; None: not any more."""

    lane: ClassVar[None] = None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Have ECS told that the task is unhealthy, for this reason; None: not any more."""

    lane: ClassVar[None] = None
    why: str | None


@dataclass(frozen=True, slots=True)
class Say:
    """Say a line to whoever reads the journal."""

    lane: ClassVar[None] = None
    text: str = field(default="")


Action: TypeAlias = (
    Look
    | Tell
    | Identify
    | Peek
    | Speak
    | Confirm
    | Withdraw
    | Leave
    | Beat
    | Complete
    | Condemn
    | Mark
    | Verdict
    | Say
)
