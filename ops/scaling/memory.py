"""What the engine remembers of a queue between ticks, and keeps in the registry as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ops.scaling import burst
from ops.scaling.backlog import Backlog
from ops.scaling.burst import Bursts
from ops.scaling.durations import Durations
from ops.scaling.forecast import Forecaster, History, Verdict, from_text, to_text, verdict
from ops.scaling.holding import Holding

#: Measured boots that are remembered.
BOOTS_KEPT: Final = 20


class MemoryUnreadable(ValueError):
    """A memory that is not one; the engine starts anew and says so."""


@dataclass(slots=True)
class Memory:
    """One queue's memory. `decide` brings it up to date in place; times are epoch seconds."""

    durations: Durations = field(default_factory=Durations)
    backlog: Backlog = field(default_factory=Backlog)
    holding: Holding = field(default_factory=Holding)
    history: History = field(default_factory=History)
    bursts: Bursts = field(default_factory=Bursts)
    verdict: Verdict | None = None
    """Whether the queue's history forecasts, as judged last."""
    forecaster: Forecaster = field(default_factory=Forecaster, compare=False, repr=False)
    """Scores that follow from the history; they are not kept."""
    first_seen: dict[str, float] = field(default_factory=dict)
    """Instances that are not leaving, and when each was first seen in the group."""
    ended: dict[str, float] = field(default_factory=dict)
    """By node: when the last completion that was learnt from ended."""
    begun: dict[str, int] = field(default_factory=dict)
    """By node: tasks it had begun at the last tick that knew the counts."""
    joined: list[str] = field(default_factory=list)
    """Instances of the last tick that had spoken."""
    resumed: dict[str, float] = field(default_factory=dict)
    """Nodes that were resumed and may not have heard of it yet, and when."""
    ending: list[str] = field(default_factory=list)
    """Nodes whose end was decided, and that are still there."""
    boots: list[float] = field(default_factory=list)
    """The last measured boots, from the launch to the first word, in seconds."""
    busy: list[int] = field(default_factory=list)
    """Busy slots of receiving nodes at the last ticks."""
    launched_at: float | None = None
    load: float = 0.0
    """Busy slots, on average over about the last day."""
    loaded_seconds: float = 0.0
    """How long `load` has been watched, at most a day."""
    node_seconds: float = 0.0
    """Node-seconds watched, fading by the day."""
    losses: float = 0.0
    """Nodes lost in them that nobody had claimed, fading alike."""
    ticked_at: float | None = None
    read_at: float | None = None
    """When the registry last told what the nodes say."""
    read_since: float | None = None
    """Since when it has, without a pause in which healthy nodes could have come to look silent."""

    def to_text(self) -> str:
        """Return it as one line of JSON."""
        data = {name: write(getattr(self, name)) for name, (write, _) in _PARTS.items()}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """Return what `to_text` wrote; what another release did not write begins anew.

        Raises MemoryUnreadable for anything that is no memory.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if not isinstance(data, dict):
                raise TypeError(f"expected an object, got {type(data).__name__}")
            known = {name: read(data[name]) for name, (_, read) in _PARTS.items() if name in data}
            return cls(**known)
        except _NOT_ONE as error:
            raise MemoryUnreadable(f"the queue's memory cannot be read ({error!r})") from error


#: What reading JSON of any other shape raises: a number too large, or lists within lists, as well.
_NOT_ONE: Final = (
    AttributeError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip


def _or_none(do: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else do(value)


def _times(values: dict[str, float]) -> dict[str, float]:
    return {str(key): round(float(at), 3) for key, at in values.items()}


def _wholes(values: dict[str, int]) -> dict[str, int]:
    return {str(key): int(count) for key, count in values.items()}


def _texts(values: list[str]) -> list[str]:
    return [str(value) for value in values]


def _number(value: float) -> float:
    return round(float(value), 4)


#: How each part is written as JSON has it, and read back.
_PARTS: Final[dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "durations": (Durations.to_data, Durations.from_data),
    "backlog": (Backlog.to_data, Backlog.from_data),
    "holding": (Holding.to_data, Holding.from_data),
    "history": (to_text, from_text),
    "bursts": (Bursts.as_data, burst.from_data),
    "verdict": (_or_none(Verdict.as_data), _or_none(verdict.from_data)),
    "first_seen": (_times, _times),
    "ended": (_times, _times),
    "begun": (_wholes, _wholes),
    "joined": (_texts, _texts),
    "resumed": (_times, _times),
    "ending": (_texts, _texts),
    "boots": (lambda boots: [round(boot, 1) for boot in boots], lambda b: [float(x) for x in b]),
    "busy": (list, lambda busy: [int(one) for one in busy]),
    "launched_at": (_or_none(float), _or_none(float)),
    "load": (_number, float),
    "loaded_seconds": (_number, float),
    "node_seconds": (_number, float),
    "losses": (_number, float),
    "ticked_at": (_or_none(float), _or_none(float)),
    "read_at": (_or_none(float), _or_none(float)),
    "read_since": (_or_none(float), _or_none(float)),
}
