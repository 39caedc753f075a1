"""What the clock changes of a zone do to a schedule. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim

from ops.schedules.firings import local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.fleet import Schedule

# Both changes of a year, wherever in it one begins to look.
LOOK_AHEAD = timedelta(days=370)
_STEP = timedelta(days=1)
_EXACT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """Local times of a schedule, without a zone, that a clock change skips or repeats."""

    times: tuple[datetime, ...]
    skipped: bool

    def __str__(self) -> str:
        first, last = self.times[0], self.times[-1]
        when = f"{first:%Y-%m-%d %H:%M}"
        if len(self.times) > 1:
            when += f" to {last:%H:%M}, {len(self.times)} times"
        return f"{when}: " + (
            "skipped by the clock, not sent" if self.skipped else "shown twice, sent once"
        )


def clock_changes(schedule: Schedule, after: datetime) -> Iterator[ClockChange]:
    """Yield what the changes of the coming year skip or repeat of a schedule."""
    zone = ZoneInfo(schedule.timezone)
    for change in _changes(zone, after):
        # What the clock shows as it is changed, and right after.
        old = local_time(change - _EXACT, zone) + _EXACT
        new = local_time(change, zone)
        times = tuple(_within(schedule.cron, min(old, new), max(old, new)))
        if times:
            yield ClockChange(times, skipped=new > old)


def _within(cron: str, start: datetime, end: datetime) -> Iterator[datetime]:
    for local in CronSim(cron, start - timedelta(seconds=1)):
        if local >= end:
            return
        yield local


def _changes(zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield the instants, to the minute, at which the zone's offset changes."""
    low = after.astimezone(UTC).replace(second=0, microsecond=0)
    end = low + LOOK_AHEAD
    while low < end:
        high = low + _STEP
        if _offset(low, zone) != _offset(high, zone):
            yield _first_with_other_offset(low, high, zone)
        low = high


def _first_with_other_offset(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = _offset(low, zone)
    while high - low > _EXACT:
        middle = (low + (high - low) // 2).replace(second=0)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()
