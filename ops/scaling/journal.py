"""The journal's lines: each tick of each queue, from which its decision can be made again. Pure.

A line is JSON. It always says when, of which queue, why, what was done and what became of it. What
was seen (`full`: snapshot, settings, wishes, cautions) is whole in every `FULL_EVERY`th line of a
queue, with the memory before. A line between holds what changed since the one before; its memory
is what the decision before left. So a line is short where nothing happens, and needs at most
`FULL_EVERY` - 1 lines before it to be read.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from ops.scaling.codec import encode
from ops.scaling.decision import Decision
from ops.scaling.delta import NOTHING, patch
from ops.scaling.model import Action, QueueSnapshot
from ops.scaling.policies.wish import Wish
from ops.scaling.settings import Settings
from ops.scaling.tick import QueueTick

VERSION: Final = 1
#: Ten minutes of ticks.
FULL_EVERY: Final = 40


@dataclass(slots=True)
class Chain:
    """The line of a queue that the next one says the difference to."""

    run: int
    number: int
    seen: Any
    known: bool = True
    """Whether the memory was known."""


class Writer:
    """Makes the lines of one engine's ticks: `begin` a tick, then a `line` for each queue."""

    def __init__(self) -> None:
        self._chains: dict[str, Chain] = {}
        self._run = 0
        self._number = 0

    def begin_anew(self) -> None:
        """Make the next lines full ones: those before may not be where these go."""
        self._chains.clear()

    def begin(self, run: int) -> None:
        """Begin a tick under the lease of this generation."""
        self._run = run
        self._number += 1

    def is_full(self, queue: str) -> bool:
        """Whether this tick's line of a queue is a full one: its memory is to be written down."""
        chain = self._chains.get(queue)
        if chain is None or not chain.known or chain.run != self._run:
            return True
        # Each queue at a tick of its own, so that none is longer than the others.
        return (self._number + zlib.crc32(queue.encode())) % FULL_EVERY == 0

    def line(self, tick: QueueTick) -> str:
        """Return the line of a queue's tick, without a line's end."""
        queue, now = tick.settings.queue, tick.snapshot.now
        seen = _seen(tick, now)
        line: dict[str, Any] = {"v": VERSION, "at": now, "queue": queue, "token": tick.token}
        line |= {"run": self._run, "n": self._number}
        if self.is_full(queue):
            line |= {"full": seen, "memory": tick.before}
        elif (change := patch(self._chains[queue].seen, seen)) != NOTHING:
            line["change"] = change
        line["why"] = tick.decision.why
        if tick.decision.actions:
            line["do"] = encode(tuple[Action, ...], tick.decision.actions, now)
        if tick.outcomes:
            outcomes = tick.outcomes
            line["out"] = [[one.result, one.why] if one.why else [one.result] for one in outcomes]
        if tick.notes:
            line["notes"] = list(tick.notes)
        known = tick.memory is not None
        self._chains[queue] = Chain(self._run, self._number, seen, known)
        return dumps(line)


def decision_text(decision: Decision, now: float) -> str:
    """Return the bytes by which two decisions are compared."""
    return dumps(encode(Decision, decision, now))


def dumps(value: Any) -> str:
    """Return JSON in as few bytes as there is to say."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _seen(tick: QueueTick, now: float) -> dict[str, Any]:
    return {
        "snapshot": encode(QueueSnapshot, tick.snapshot, now),
        "settings": encode(Settings, tick.settings, now),
        "tick_seconds": tick.tick_seconds,
        "wishes": encode(tuple[Wish, ...], tick.decision.wishes, now),
        "cautions": list(tick.decision.cautions),
    }
