"""What a tick reads and decides, with nothing written: `ops scaling plan` stops here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.scaling.memories import Memories
from ops.scaling.tick import Ticked, all_decided

if TYPE_CHECKING:
    from ops.registry.registry import Registry
    from ops.scaling.capacity import Capacity
    from ops.scaling.settings import Settings
    from ops.scaling.signals import Gathered, Signals

LOOKING: Final = "plan"
"""The token of decisions that nobody carries out."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine works with."""

    settings: Mapping[str, Settings]
    signals: Signals
    registry: Registry
    capacities: Mapping[str, Capacity]


def look(parts: Parts, now: float, tick_seconds: float) -> Ticked:
    """Return what a tick would do now. Nothing is written, and no lease is asked for."""
    gathered = parts.signals.gather(now)
    memories, troubles = Memories(), troubles_of(gathered)
    stored = None if gathered.registered is None else gathered.registered.memories
    notes = memories.load(stored, parts.settings, now)
    troubles += tuple(f"{queue}: {note}" for queue, note in notes.items())
    queues = all_decided(gathered.queues, parts.settings, memories.by_queue, LOOKING, tick_seconds)
    return Ticked(now, False, queues, troubles)


def troubles_of(gathered: Gathered) -> tuple[str, ...]:
    """Return what could not be read that is no single queue's, in words."""
    if gathered.registered is None:
        return ()  # its queues' nodes say why
    return tuple(str(each) for each in gathered.registered.trouble)
