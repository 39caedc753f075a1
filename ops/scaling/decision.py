"""What was decided about a queue, and the situation it is decided in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ops.scaling.memory import Memory
from ops.scaling.model import Action, Group, QueueSnapshot, Reading
from ops.scaling.policies.wish import Wish
from ops.scaling.settings import Settings
from ops.scaling.standing import Standing

#: Nothing is taken away on data older than this.
STALE_SECONDS: Final = 120.0
#: A reason, and each caution, is cut here: troubles and fifty windows are as long as they like.
WHY_AT_MOST: Final = 1_000
#: What a decision does is told in this order.
_VERBS: Final = {
    "launch": "launch",
    "resume": "resume",
    "pause": "pause",
    "terminate": "end",
    "replace": "replace",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about a queue, in the order in which to do it, and why in one line."""

    queue: str
    actions: tuple[Action, ...]
    why: str
    wishes: tuple[Wish, ...] = ()
    cautions: tuple[str, ...] = ()
    """What was not done, and why not."""


def one_line(text: str) -> str:
    """Return a text that may come from anywhere as one printable line of bounded length."""
    line = text
    if not text.isprintable():
        line = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return line if len(line) <= WHY_AT_MOST else f"{line[: WHY_AT_MOST - 1]}…"


@dataclass(slots=True)
class Situation:
    """One queue at one tick, with what has been decided about it so far."""

    snapshot: QueueSnapshot
    settings: Settings
    memory: Memory
    token: str
    tick_seconds: float
    group: Group
    boot_seconds: float
    standing: Standing
    wishes: tuple[Wish, ...] = ()
    actions: list[Action] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    @property
    def now(self) -> float:
        """The time of the tick."""
        return self.snapshot.now

    def stale(self, *names: Literal["counts", "group", "nodes"]) -> str:
        """Return which of these readings is missing or too old to take anything away on, if any."""
        for name in names:
            reading: Reading[Any] = getattr(self.snapshot, name)
            verb = "is" if name == "group" else "are"
            if reading.value is None:
                return f"the {name} {verb} not known: {reading.trouble}"
            if reading.age(self.now) > STALE_SECONDS:
                return f"the {name} {verb} {reading.age(self.now):.0f} s old"
        return ""

    def spare_slots(self) -> float:
        """Return the free slots at hand beyond those that wishes ask for; inf if none asks."""
        wanted = max([0.0, *[wish.free_slots for wish in self.wishes]])
        counts = self.snapshot.counts.value
        if wanted <= 0 or counts is None:
            return math.inf
        return self.standing.at_hand - counts.visible - wanted

    def decided(self, bounds: str) -> Decision:
        """Return the decision; `bounds` says which windows are in force."""
        return Decision(
            self.settings.queue,
            tuple(self.actions),
            one_line(f"{self._done() or 'hold'}: {self._reason(bounds)}"),
            self.wishes,
            tuple(map(one_line, self.cautions)),
        )

    def _done(self) -> str:
        if not self.actions:
            return ""
        counts = dict.fromkeys(_VERBS, 0)
        for action in self.actions:
            if action.kind in counts:
                counts[action.kind] += action.nodes if action.kind == "launch" else 1
        return ", ".join(f"{_VERBS[kind]} {count}" for kind, count in counts.items() if count)

    def _reason(self, bounds: str) -> str:
        parts = [f"{wish.policy}: {wish.why}" for wish in self.wishes]
        if self.snapshot.counts.value is None:
            parts.append(f"the counts are not known: {self.snapshot.counts.trouble}")
        if bounds:
            parts.append(bounds)
        parts += [f"{one.node} {one.why}" for one in self.actions if one.kind == "replace"]
        held_back = f" ({'; '.join(self.cautions)})" if self.cautions else ""
        return f"{'; '.join(parts)}{held_back}"
