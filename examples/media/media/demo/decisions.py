"""What the scaling engine sees and decides, read from its journal while it writes it."""

import re
from collections import Counter, deque
from pathlib import Path

from media.demo.progress import Lines
from ops.scaling.journal_reader import NotALine, Reader, Recorded
from ops.scaling.model import Lifecycle, QueueSnapshot, Wanted

_NUMBER = re.compile(r"\d+(\.\d+)?")
_KEPT = 5
JOINING, RECEIVING, DRAINING, LEAVING = "joining", "receiving", "draining", "leaving"
STATES = (JOINING, RECEIVING, DRAINING, LEAVING)


class Decisions:
    """The engine's last tick of each queue, and its last decisions in words."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path)
        self._reader = Reader()
        self._reasons: dict[str, str] = {}
        self.last: dict[str, Recorded] = {}
        self.words: deque[str] = deque(maxlen=_KEPT)

    def look(self) -> list[str]:
        """Read what is new; return, in words, the decisions by which something was done."""
        done = []
        for text in self._lines.new():
            try:
                recorded = self._reader.read(text)
            except NotALine:
                continue
            if recorded is None:
                continue
            queue, why = recorded.settings.queue, recorded.decision.why
            self.last[queue] = recorded
            words = f"{queue}: {why}"
            acted = any(
                result == "done" and action.kind != "forget"
                for action, (result, _) in zip(
                    recorded.decision.actions, recorded.outcomes, strict=False
                )
            )
            # "12 visible" is the reason that "11 visible" was.
            reason = _NUMBER.sub("#", why)
            if acted or self._reasons.get(queue) != reason:
                self.words.append(words)
            self._reasons[queue] = reason
            if acted:
                done.append(words)
        return done


def nodes_by_state(snapshot: QueueSnapshot) -> Counter[str] | None:
    """Return how many nodes a queue has in each of STATES; None where its group is not known."""
    if snapshot.group.value is None:
        return None
    asked = {
        node.id
        for node in snapshot.nodes.value or ()
        if node.paused or node.wanted is not Wanted.RUN
    }
    found: Counter[str] = Counter()
    for instance in snapshot.group.value.instances:
        match instance.lifecycle:
            case Lifecycle.PENDING:
                found[JOINING] += 1
            case Lifecycle.LEAVING:
                found[LEAVING] += 1
            case Lifecycle.IN_SERVICE:
                found[DRAINING if instance.id in asked else RECEIVING] += 1
            case Lifecycle.WARM:
                pass
    return found
