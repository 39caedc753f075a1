"""What the agent knows from one step to the next, and what of it outlives its process. Pure.

Monotonic seconds count from the machine's start, so they hold for a later process as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ops.node.bounds import WORD_SECONDS
from ops.node.departing import Departure
from ops.node.lifecycle import Membership
from ops.node.retry import AT_ONCE, Retry
from ops.node.roll import Roll
from ops.node.speaking import Speech
from ops.registry.word import Heard
from ops.scaling.model import Wanted


@dataclass(frozen=True, slots=True)
class Settings:
    """What the manifest says of the node's queue."""

    fleet: str
    queue: str
    slots: int
    drain_budget_seconds: float
    heartbeat_seconds: float
    """The leaving hook's heartbeat timeout."""
    word_seconds: float = WORD_SECONDS
    """The time from one word to the next."""

    @property
    def name(self) -> str:
        """What the sockets of the queue's workers begin with."""
        return f"{self.fleet}-{self.queue}"


@dataclass(frozen=True, slots=True)
class Memory:
    """All the agent knows."""

    speech: Speech
    roll: Roll
    member: Membership = field(default_factory=Membership)
    leaves: Departure | None = None
    marked: str | None = None
    """Why workers that start are paused, as far as that is written."""
    verdict: str | None = None
    """Why a task of ECS is to be replaced, as far as that is written."""
    identify: Retry = AT_ONCE
    gone_at: float | None = None
    """Since when a node that leaves has no workers."""
    troubles: Mapping[str, str] = field(default_factory=dict)
    """What failed last, by action; those that failed and then did not are gone."""
    topics: Mapping[str, str] = field(default_factory=dict)
    """What was said last, by what it was about."""


def fresh(now: float) -> Memory:
    """Return the memory of an agent that begins."""
    return Memory(Speech(now), Roll(now))


def kept(memory: Memory) -> dict[str, Any]:
    """Return what a later process is to know, as JSON-ready data."""
    heard = memory.speech.heard
    return {
        "heard": None if heard is None else asdict(heard),
        "joined": memory.member.joined,
        "leaves": None if memory.leaves is None else asdict(memory.leaves),
    }


def restored(data: Mapping[str, Any], now: float) -> Memory:
    """Return the memory of an agent that goes on for one that is gone.

    Raises KeyError, TypeError or ValueError for what `kept` did not make, or not since the
    machine's start.
    """
    memory = fresh(now)
    if data["heard"] is not None:
        found = Heard(**{**data["heard"], "wanted": Wanted(data["heard"]["wanted"])})
        memory = replace(memory, speech=replace(memory.speech, heard=found))
    if data["leaves"] is not None:
        leaves = Departure(**data["leaves"])
        if leaves.since > now:
            raise ValueError("it is of the time before the machine's last start")
        memory = replace(memory, leaves=leaves)
    return replace(memory, member=Membership(joined=str(data["joined"])))
