"""What a journal's lines say, read strictly: they may come from anywhere. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.scaling.codec import NotOne, decode
from ops.scaling.decision import Decision
from ops.scaling.delta import NOTHING, Unfit, patched
from ops.scaling.journal import VERSION, Chain
from ops.scaling.model import Action, QueueSnapshot
from ops.scaling.policies.wish import Wish
from ops.scaling.settings import Settings

#: A line of a queue with a thousand nodes has 0.7 MB.
LINE_AT_MOST_BYTES: Final = 8 * 1024 * 1024
_NOT_DONE: Final = 2


class NotALine(ValueError):
    """A line that cannot be used; the text says why."""


class OtherVersion(NotALine):
    """A line of another version of the journal."""


class Gap(NotALine):
    """A line that says what changed since one that is not there."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a line says."""

    run: int
    """The generation of the lease under which it was written."""
    number: int
    """One more at each tick of the engine."""
    snapshot: QueueSnapshot
    settings: Settings
    tick_seconds: float
    token: str
    full: bool
    """Whether it says the memory before, or that this was not known."""
    memory: str | None
    decision: Decision
    notes: tuple[str, ...]
    outcomes: tuple[tuple[str, str], ...]
    """A result and why for each action; none where nothing was carried out."""


class Reader:
    """Reads lines in the order in which they were written; those of one queue are enough."""

    def __init__(self) -> None:
        self._chains: dict[str, Chain] = {}

    def read(self, text: str) -> Recorded | None:
        """Return what a line says, None for one that was read before. Raises NotALine."""
        line = _object(text)
        try:
            return self._read(line)
        except (NotOne, Unfit, KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, NotALine):
                raise
            raise NotALine(f"no line of a journal's: {error!r}"[:300]) from error

    def _read(self, line: dict[str, Any]) -> Recorded | None:
        queue, run, number = str(line["queue"]), int(line["run"]), int(line["n"])
        before = self._chains.get(queue)
        if before is not None and before.run == run and number <= before.number:
            return None
        if "full" in line:
            seen = line["full"]
        elif before is None or (before.run, before.number + 1) != (run, number):
            raise Gap("it says what changed since a line that is not there")
        else:
            seen = patched(before.seen, line.get("change", NOTHING))
        recorded = _recorded(line, seen)
        self._chains[queue] = Chain(run, number, seen)
        return recorded


def queue_of(text: str) -> str | None:
    """Return the queue a line is of, without reading the rest; None where that does not say."""
    start = text.find('"queue":"')
    end = text.find('"', start + 9)
    return None if start < 0 or end < 0 else text[start + 9 : end]


def _recorded(line: dict[str, Any], seen: dict[str, Any]) -> Recorded:
    now, full = float(line["at"]), "full" in line
    settings = decode(Settings, seen["settings"], now)
    return Recorded(
        run=int(line["run"]),
        number=int(line["n"]),
        snapshot=decode(QueueSnapshot, seen["snapshot"], now),
        settings=settings,
        tick_seconds=decode(float, seen["tick_seconds"], now),
        token=decode(str, line["token"], now),
        full=full,
        memory=decode(str | None, line["memory"], now) if full else None,
        decision=Decision(
            settings.queue,
            decode(tuple[Action, ...], line.get("do", []), now),
            decode(str, line["why"], now),
            decode(tuple[Wish, ...], seen["wishes"], now),
            _texts(seen["cautions"]),
        ),
        notes=_texts(line.get("notes", [])),
        outcomes=tuple(_outcome(one) for one in line.get("out", ())),
    )


def _outcome(data: Sequence[Any]) -> tuple[str, str]:
    parts = _texts(list(data))
    if not 1 <= len(parts) <= _NOT_DONE:
        raise NotALine("expected a result and why, found something else")
    return parts[0], parts[1] if len(parts) == _NOT_DONE else ""


def _texts(data: Any) -> tuple[str, ...]:
    texts: tuple[str, ...] = decode(tuple[str, ...], data, 0.0)
    return texts


def _object(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotALine("expected a line of JSON, found part of one or none") from error
    if not isinstance(line, dict):
        raise NotALine("expected a JSON object, found something else")
    if line.get("v") != VERSION:
        raise OtherVersion(f"of version {str(line.get('v'))[:20]}, expected {VERSION}")
    return line
