"""What is said of ticks to someone who follows them: what was done, and each reason once. Pure.

A line a queue where something was carried out, or where the reason is another one than last time.
Reasons are compared without their numbers: "12 visible + 3 in flight" is the reason that "11
visible + 4 in flight" was, and a log in which fifty queues say theirs every 15 s is read by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ops.scaling.tick import QueueTick, Ticked, in_words

_NUMBER = re.compile(r"\d+(\.\d+)?")


class Told:
    """Remembers what was said."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._acts: bool | None = None
        self._troubles: frozenset[str] = frozenset()

    def queues(self, ticked: Ticked) -> list[QueueTick]:
        """Return the queues of which there is something to say."""
        return [tick for queue, tick in ticked.queues.items() if self._is_news(queue, tick)]

    def talk(self, ticked: Ticked) -> Iterator[str]:
        """Yield what there is to say of the engine itself, each once until it changes."""
        if ticked.acts is not self._acts and not (ticked.troubles and not ticked.acts):
            self._acts = ticked.acts
            yield "acting" if ticked.acts else "standing by: another engine acts"
        found = {_NUMBER.sub("#", trouble): trouble for trouble in ticked.troubles}
        for words, trouble in found.items():
            if words not in self._troubles:
                yield trouble
        if self._troubles and not found:
            yield "all is well again"
        self._troubles = frozenset(found)

    def _is_news(self, queue: str, tick: QueueTick) -> bool:
        reason = _NUMBER.sub("#", tick.decision.why)
        failed = [f"{each.action.kind} {each.result} {each.why}" for each in tick.outcomes]
        words = " ".join([reason, *tick.notes, *map(_masked, sorted(failed))])
        new = self._reasons.get(queue) != words
        self._reasons[queue] = words
        return new or any(each.result == "done" for each in tick.outcomes)


def line(tick: QueueTick) -> str:
    """Return a queue's tick as one line."""
    parts = [f"{tick.settings.queue}: {tick.decision.why}", *tick.notes]
    parts += [
        f"{in_words(each.action)}: {each.result}: {each.why}"
        for each in tick.outcomes
        if each.result != "done"
    ]
    return "; ".join(parts)


def as_data(ticked: Ticked, told: list[QueueTick]) -> dict[str, Any]:
    """Return a tick as JSON has it; only the queues of which there is something to say."""
    return {
        "at": ticked.at,
        "acts": ticked.acts,
        "troubles": list(ticked.troubles),
        "queues": {tick.settings.queue: queue_as_data(tick) for tick in told},
    }


def queue_as_data(tick: QueueTick) -> dict[str, Any]:
    """Return a queue's tick as JSON has it."""
    outcomes = dict(enumerate(tick.outcomes))
    actions = []
    for index, action in enumerate(tick.decision.actions):
        done = outcomes.get(index)
        result = {} if done is None else {"result": done.result, "trouble": done.why}
        actions.append({"action": action.kind, "words": in_words(action), **result})
    return {"why": tick.decision.why, "actions": actions, "notes": list(tick.notes)}


def _masked(text: str) -> str:
    return _NUMBER.sub("#", text)
