"""What a policy asks for, and what it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ops.scaling.memory import Memory
from ops.scaling.model import Counts
from ops.scaling.settings import Settings
from ops.scaling.standing import Standing


@dataclass(frozen=True, slots=True)
class Wish:
    """What one policy asks for. The largest wish of all policies wins, part by part."""

    policy: str
    why: str
    nodes: int = 0
    """Receiving nodes it wants, booting ones counted; what is missing is resumed or launched."""
    short_slots: float = 0.0
    """Slots that are missing beyond the nodes there are: resumed, or launched."""
    a_node_gives: float = 1.0
    """How many of `short_slots` one launched node makes good."""
    spare_slots: int = 0
    """Slots that would be of use at once; draining nodes are resumed for them, none launched."""
    free_slots: float = 0.0
    """Free slots to have at hand beyond what waits, on draining nodes too: they are resumed within
    two ticks. What is missing is launched, and no idle node is ended for which they would lack."""
    keep: int = 0
    """Receiving nodes it would not go below on the way down."""


class Sight(NamedTuple):
    """What the policies of a queue decide on. Times in seconds."""

    now: float
    counts: Counts
    standing: Standing
    settings: Settings
    memory: Memory
    boot_seconds: float
    """From a launch to the first receive, as measured, or else as the manifest has it."""
    tick_seconds: float


def counted(number: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{number} {word}{'' if number == 1 else 's'}"
