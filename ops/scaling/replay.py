"""Decide anew from a journal's lines, and compare what comes of it byte for byte. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ops.scaling.codec import encode
from ops.scaling.decision import Decision
from ops.scaling.journal import decision_text, dumps
from ops.scaling.journal_reader import Gap, NotALine, OtherVersion, Reader, Recorded, queue_of
from ops.scaling.memories import NONE_STORED
from ops.scaling.memory import Memory, MemoryUnreadable
from ops.scaling.tick import QueueTick, decided, take_back

Unread: TypeAlias = Literal["torn", "gap", "version"]
#: Complaints that are kept; the rest are counted.
_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that comes out otherwise than the journal has it."""

    line: int
    recorded: Recorded
    again: QueueTick
    """What is decided now."""
    remembered: bool = False
    """Whether the decisions before left another memory than the one recorded."""

    def parts(self) -> Iterator[tuple[str, str, str]]:
        """Yield what differs: its name, as recorded, as decided now."""
        if self.remembered:
            yield "memory", "as recorded", "another one after the decisions before"
        now = self.recorded.snapshot.now
        was: Any = encode(Decision, self.recorded.decision, now)
        is_now: Any = encode(Decision, self.again.decision, now)
        for name in ("why", "actions", "wishes", "cautions"):
            before, after = was.get(name), is_now.get(name)
            if before != after:
                yield name, _shown(before), _shown(after)


@dataclass(slots=True)
class Replayed:
    """What became of a journal's lines."""

    decisions: int = 0
    differ: int = 0
    first: Difference | None = None
    unread: dict[Unread, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """The first lines that could not be read, and why."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One line, and its decision made again."""

    line: int
    recorded: Recorded
    again: QueueTick
    difference: Difference | None


def replay(
    lines: Iterable[str], found: Replayed, queue: str | None = None, until: float = math.inf
) -> Iterator[Replay]:
    """Yield every decision of a queue, or of all, with the one that is made now.

    `found` is counted up meanwhile; lines after `until`, in seconds since the epoch, are left out.
    A decision that follows from a line which is not there waits for the next full line.
    """
    reader = Reader()
    memories = _Memories()
    for number, text in enumerate(lines, 1):
        if not text.strip() or (queue is not None and queue_of(text) not in (queue, None)):
            continue
        try:
            recorded = reader.read(text)
            if recorded is None or queue not in (None, recorded.settings.queue):
                continue
            if recorded.snapshot.now > until:
                return
            memory = memories.before(recorded)
        except NotALine as error:
            _note(found, number, error)
            continue
        again = decided(
            recorded.snapshot, recorded.settings, memory, recorded.token, recorded.tick_seconds
        )
        found.decisions += 1
        difference = None
        if memories.differs(recorded) or not _alike(recorded, again):
            difference = Difference(number, recorded, again, memories.differs(recorded))
            found.differ += 1
            found.first = found.first or difference
        memories.after(recorded, again)
        yield Replay(number, recorded, again, difference)


class _Memories:
    """What is remembered of each queue after the line that was replayed last."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int, Memory | None]] = {}
        self._text: str | None = None

    def before(self, recorded: Recorded) -> Memory | None:
        """Return the memory that the line was decided with. Raises NotALine."""
        run, number, memory = self._last.get(recorded.settings.queue, (0, 0, None))
        follows = (run, number + 1) == (recorded.run, recorded.number)
        self._text = None
        if not recorded.full:
            if not follows:
                raise Gap("what was remembered before it is not known")
            return memory
        if recorded.memory is None:
            return None
        try:
            given = Memory.from_text(recorded.memory)
        except MemoryUnreadable as error:
            raise NotALine(str(error)) from error
        if follows and memory is not None:
            self._text = memory.to_text()
            given.forecaster = memory.forecaster
        return given

    def differs(self, recorded: Recorded) -> bool:
        """Whether the line has another memory than the decision before it left."""
        return self._text is not None and self._text != recorded.memory

    def after(self, recorded: Recorded, again: QueueTick) -> None:
        """Keep what the decision left, and what AWS made of it."""
        results = [result for result, _ in recorded.outcomes]
        take_back(again, recorded.decision.actions, results)
        self._last[recorded.settings.queue] = (recorded.run, recorded.number, again.memory)


def _alike(recorded: Recorded, again: QueueTick) -> bool:
    now = recorded.snapshot.now
    notes = tuple(note for note in recorded.notes if not note.startswith(NONE_STORED))
    before, after = (decision_text(each.decision, now) for each in (recorded, again))
    return notes == again.notes and before == after


def _note(found: Replayed, number: int, error: NotALine) -> None:
    kind: Unread = (
        "version"
        if isinstance(error, OtherVersion)
        else "gap"
        if isinstance(error, Gap)
        else "torn"
    )
    found.unread[kind] = found.unread.get(kind, 0) + 1
    if len(found.told) < _TOLD:
        found.told.append(f"line {number}: {error}")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)
