"""What the engine remembers of a queue between ticks, and keeps in the registry as JSON."""

from __future__ import annotations

import json
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
    """By node: tasks it had begun at the last tick."""
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
    paused_at: float | None = None
    load: float = 0.0
    """Busy slots, on average over about the last day."""
    loaded_seconds: float = 0.0
    """How long `load` has been watched, at most a day."""
    node_seconds: float = 0.0
    """Node-seconds watched, fading by the day."""
    losses: float = 0.0
    """Nodes lost in them that nobody had claimed, fading alike."""
    ticked_at: float | None = None

    def to_text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(
            {
                "durations": self.durations.to_data(),
                "backlog": self.backlog.to_data(),
                "holding": self.holding.to_data(),
                "history": to_text(self.history),
                "bursts": self.bursts.as_data(),
                "verdict": None if self.verdict is None else self.verdict.as_data(),
                "first_seen": _rounded(self.first_seen),
                "ended": _rounded(self.ended),
                "begun": self.begun,
                "joined": self.joined,
                "resumed": _rounded(self.resumed),
                "ending": self.ending,
                "boots": [round(boot, 1) for boot in self.boots],
                "busy": self.busy,
                "launched_at": self.launched_at,
                "paused_at": self.paused_at,
                "load": round(self.load, 4),
                "loaded_seconds": round(self.loaded_seconds, 1),
                "node_seconds": round(self.node_seconds, 1),
                "losses": round(self.losses, 4),
                "ticked_at": self.ticked_at,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """Return what `to_text` wrote. Raises MemoryUnreadable for anything else."""
        try:
            data: dict[str, Any] = json.loads(text)
            return cls(
                Durations.from_data(data["durations"]),
                Backlog.from_data(data["backlog"]),
                Holding.from_data(data["holding"]),
                from_text(data["history"]),
                burst.from_data(data["bursts"]),
                None if data["verdict"] is None else verdict.from_data(data["verdict"]),
                Forecaster(),
                {str(k): float(v) for k, v in data["first_seen"].items()},
                {str(k): float(v) for k, v in data["ended"].items()},
                {str(k): int(v) for k, v in data["begun"].items()},
                [str(one) for one in data["joined"]],
                {str(k): float(v) for k, v in data["resumed"].items()},
                [str(one) for one in data["ending"]],
                [float(boot) for boot in data["boots"]],
                [int(busy) for busy in data["busy"]],
                _maybe(data["launched_at"]),
                _maybe(data["paused_at"]),
                float(data["load"]),
                float(data["loaded_seconds"]),
                float(data["node_seconds"]),
                float(data["losses"]),
                _maybe(data["ticked_at"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MemoryUnreadable(f"the queue's memory cannot be read ({error!r})") from error


def _rounded(times: dict[str, float]) -> dict[str, float]:
    return {key: round(at, 3) for key, at in times.items()}


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)
