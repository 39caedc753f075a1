"""One thread that does what has become due; a path under ``/_fleet/`` turns its clock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ops.local.admin import Request
from ops.local.timed.clock import Clock
from ops.local.timed.expressions import Every, When, Within

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.1


class Source(Protocol):
    """Things of one kind that are done by the clock, each by its ARN or another name of its own."""

    def whens(self) -> Mapping[str, When]:
        """Return when each is to be done; one that is switched off is left out."""

    def fire(self, name: str, at: float) -> None:
        """Do it, due at a time in seconds of the epoch."""

    def over(self, name: str) -> None:
        """Hear that it will not be done again."""


@dataclass(slots=True)
class _Entry:
    when: When
    times: Iterator[float]
    next: float | None
    told: bool = False

    def latest(self, now: float) -> float | None:
        """Return the latest of its times up to `now`, and go on after it."""
        found = None
        while self.next is not None and self.next <= now:
            found, self.next = self.next, next(self.times, None)
        return found


class Timetable:
    """When each thing of one source is due next. What changes begins anew. Pure."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def due(self, wanted: Mapping[str, When], real: float, shown: float) -> list[tuple[float, str]]:
        """Return what has become due and for when: each once, for the last of its times.

        `shown` is what the clock shows; rates go by `real` time, which nobody turns.
        """
        self._entries = {name: each for name, each in self._entries.items() if name in wanted}
        found = []
        for name, when in wanted.items():
            now = real if _is_rate(when) else shown
            entry = self._entries.get(name)
            if entry is None or entry.when != when:
                times = when.times(now)
                entry = self._entries[name] = _Entry(when, times, next(times, None))
            at = entry.latest(now)
            if at is not None:
                found.append((at, name))
        return found

    def over(self) -> list[str]:
        """Return what has no further time, once each."""
        found = []
        for name, each in self._entries.items():
            if each.next is None and not each.told:
                each.told = True
                found.append(name)
        return found


class Ticker:
    """Looks at the clock all the time. Each source is called by one thread at a time."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._lock = threading.Lock()
        self._sources: list[tuple[Source, Timetable]] = []

    def add(self, source: Source) -> None:
        """Do what this source has, too."""
        self._sources.append((source, Timetable()))

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._tick, name="clock", daemon=True).start()

    def answer(self, request: Request) -> Any:
        """Answer ``/_fleet/clock``: GET shows it, POST turns it and tells what was done for it."""
        fired: list[str] = []
        if request.method != "GET":
            with self._lock:
                seconds = self._clock.asked(request.body)
                # What was made just now is to be known before the clock is turned over it.
                self._look()
                self._clock.turn(seconds)
                fired = self._look()
        ahead = round(self._clock.ahead_seconds, 3)
        return {"time": self._clock.shown(), "ahead_seconds": ahead, "fired": fired}

    def _tick(self) -> None:
        while True:
            with self._lock:
                self._look()
            time.sleep(_LOOK_SECONDS)

    def _look(self) -> list[str]:
        real, shown = time.time(), self._clock.now()
        due: list[tuple[float, str, Source]] = []
        for source, timetable in self._sources:
            try:
                found = timetable.due(source.whens(), real, shown)
            except Exception:  # one source's trouble is not another's
                _log.exception("%s", type(source).__name__)
                continue
            due += [(at, name, source) for at, name in found]
        for at, name, source in sorted(due, key=lambda each: each[:2]):
            self._call(source.fire, name, at)
        for source, timetable in self._sources:
            for name in timetable.over():
                self._call(source.over, name)
        return [name for _, name, _ in sorted(due, key=lambda each: each[:2])]

    def _call(self, do: Any, name: str, *more: float) -> None:
        try:
            do(name, *more)
        except Exception:  # whatever became of one, the others are due as well
            _log.exception("%s", name)


def _is_rate(when: When) -> bool:
    return isinstance(when.recurs if isinstance(when, Within) else when, Every)
