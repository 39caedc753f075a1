"""When a window of scaling begins and ends, in seconds since the epoch. Pure.

A window follows its zone's clock as if that never went back: it begins, or ends, at the first
moment at which the clock shows the time of its expression or a later one. So what the clock skips
happens as it jumps, what it shows twice happens the first time, and no end is ever lost, which a
schedule may afford (`ops.schedules.firings` sends nothing at a skipped time) and a bound may not.
cronsim is asked in local time without a zone: in a zone it moves and repeats as Debian's cron does.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim

from ops.schedules.firings import instant, local_time
from worker.manifest.cron import first_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.scaling.settings import Window

_DAY_SECONDS = 86_400
_SECOND = timedelta(seconds=1)
#: Two days, which a tick at midnight wants both of, for 500 queues with a few windows each.
_DAYS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Day:
    """What a window does in one day of UTC."""

    opens: bool
    """Whether it is in force as the day begins."""
    changes: tuple[float, ...]
    """When it begins and ends by turns, in seconds since the epoch; the last is after the day."""

    def in_force(self, now: float) -> bool:
        """Say whether it is in force at a time of this day; a change counts at its very moment."""
        return self.opens is (bisect_right(self.changes, now) % 2 == 0)

    def next_change(self, now: float) -> float | None:
        """Return its first change after a time of this day; None if there is none any more."""
        index = bisect_right(self.changes, now)
        return self.changes[index] if index < len(self.changes) else None


def day_of(window: Window, now: float) -> Day:
    """Return the day that `now` is in, in seconds since the epoch, as the window has it."""
    return _day(window, int(now // _DAY_SECONDS))


@lru_cache(maxsize=_DAYS_KEPT)
def _day(window: Window, number: int) -> Day:
    zone = ZoneInfo(window.timezone)
    start = datetime.fromtimestamp(number * _DAY_SECONDS, UTC)
    end = start + timedelta(days=1)
    shown = _furthest(start, zone)
    opens = _opens(window, shown)
    changes: list[datetime] = []
    for local in _changes(window, shown, opens=opens):
        at = moment(local, zone)
        if changes and changes[-1] == at:
            changes.pop()  # begun and ended within what the clock skipped
            continue
        if changes and changes[-1] >= end:
            break
        changes.append(at)
    return Day(opens, tuple(at.timestamp() for at in changes))


def _opens(window: Window, shown: datetime) -> bool:
    """Say whether the window is in force when the clock shows that for the first time."""
    begun = next(CronSim(window.begins, shown + _SECOND, reverse=True), None)
    if begun is None:
        return False
    ended = next(CronSim(window.ends, shown + _SECOND, reverse=True), None)
    return ended is None or ended <= begun


def _changes(window: Window, shown: datetime, *, opens: bool) -> Iterator[datetime]:
    """Yield the local times after `shown` at which it begins or ends by turns."""
    local: datetime | None = shown
    active = opens
    while local is not None:
        local = (
            first_end(window.begins, window.ends, local)
            if active
            else next(CronSim(window.begins, local), None)
        )
        active = not active
        if local is not None:
            yield local


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment, in UTC, at which a clock in the zone shows that time or a later."""
    at = instant(local, zone)
    if at is not None:
        return at
    # Skipped: read with the offset before the change it is past it, and the other way around.
    past = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _first(before, past, lambda at: local_time(at, zone) >= local)


def _furthest(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the latest time that a clock in the zone has shown up to a moment."""
    shown = at.astimezone(zone)
    if not shown.fold:
        return local_time(at, zone)
    # Second time around: the clock has been as far as the second before it was put back.
    first = shown.replace(fold=0).astimezone(UTC)
    offset = first.astimezone(zone).utcoffset()
    back = _first(first, at, lambda moment: moment.astimezone(zone).utcoffset() != offset)
    return local_time(back - _SECOND, zone)


def _first(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """Return the first whole second after `low` and up to `high` from which on something holds."""
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
