"""When something is to be done by the clock: rates, crons and single times. Pure.

EventBridge's cron has six fields, with Sunday as 1, `?` and a year ("Schedule types in EventBridge
Scheduler"); Auto Scaling's has cron's own five. Both are read by cronsim, and what a clock change
skips or repeats is treated as `ops.schedules.firings` treats it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from ops.schedules.firings import instant, local_time

_RATE: Final = re.compile(r"rate\(([1-9]\d{0,5}) (minute|hour|day)s?\)")
_MINUTES: Final = {"minute": 1, "hour": 60, "day": 24 * 60}
_CRON: Final = re.compile(r"cron\(([^()]{1,240})\)")
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_YEARS: Final = range(1970, 2200)
_YEAR: Final = re.compile(r"(\*|\d{4})(?:-(\d{4}))?(?:/(\d{1,3}))?")
_WEEKDAY: Final = re.compile(r"(\*|[1-7]|[A-Z]{3})(?:-([1-7]|[A-Z]{3}))?(?:/(\d))?")
_SPECIAL_WEEKDAY: Final = re.compile(r"([1-7])(L|#[1-5])")


@dataclass(frozen=True, slots=True)
class Every:
    """A rate. `at_once`: the first time is when it is first known, and not one period later."""

    seconds: float
    at_once: bool = False

    def times(self, since: float) -> Iterator[float]:
        """Yield its times, known since `since`."""
        at = since if self.at_once else since + self.seconds
        while True:
            yield at
            at += self.seconds


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields of cron in a zone. `years` is None for all of them."""

    fields: str
    zone: str = "UTC"
    years: frozenset[int] | None = None

    def times(self, since: float) -> Iterator[float]:
        """Yield its times after `since`."""
        zone = ZoneInfo(self.zone)
        begin = datetime.fromtimestamp(since, UTC)
        for local in self._local(local_time(begin, zone)):
            at = instant(local, zone)
            if at is not None and at > begin:
                yield at.timestamp()

    def _local(self, begin: datetime) -> Iterator[datetime]:
        if self.years is None:
            yield from CronSim(self.fields, begin)
            return
        for year in sorted(year for year in self.years if year >= begin.year):
            before = datetime(year, 1, 1) - timedelta(minutes=1)  # noqa: DTZ001  # what a clock shows
            for local in CronSim(self.fields, max(begin, before)):
                if local.year != year:
                    break
                yield local


@dataclass(frozen=True, slots=True)
class Once:
    """A single time, in seconds of the epoch."""

    at: float

    def times(self, since: float) -> Iterator[float]:
        """Yield it, unless it is past."""
        if self.at > since:
            yield self.at


@dataclass(frozen=True, slots=True)
class Within:
    """What recurs, from a time to a time; `also_first`: at the first of them as well."""

    recurs: Every | Cron
    first: float | None = None
    last: float | None = None
    also_first: bool = False

    def times(self, since: float) -> Iterator[float]:
        """Yield its times after `since` and within."""
        begin = since if self.first is None else max(since, self.first)
        if self.also_first and self.first is not None and since < self.first:
            yield self.first
        for at in self.recurs.times(begin):
            if self.last is not None and at > self.last:
                return
            yield at


When = Every | Cron | Once | Within


@lru_cache(maxsize=1000)
def expression(text: str, zone: str, minute_seconds: float, *, at_once: bool = False) -> When:
    """Return what an expression of EventBridge says. Raises ValueError, in words.

    `minute_seconds` is how long a minute of a rate lasts; `at_once` is of rates too.
    """
    in_zone = _zone(zone)
    if rate := _RATE.fullmatch(text):
        return Every(int(rate[1]) * _MINUTES[rate[2]] * minute_seconds, at_once)
    if cron := _CRON.fullmatch(text):
        return _six_fields(cron[1], zone)
    if at := _AT.fullmatch(text):
        found = instant(datetime.fromisoformat(at[1]), in_zone)
        if found is None:
            raise ValueError(f"expected a time that the clocks of {zone} show, found {at[1]}")
        return Once(found.timestamp())
    raise ValueError(f"expected rate(5 minutes), cron(0 12 * * ? *) or at(TIME), found {text}")


@lru_cache(maxsize=1000)
def five_fields(fields: str, zone: str) -> Cron:
    """Return what five fields of cron say in a zone. Raises ValueError, in words."""
    _zone(zone)
    try:
        CronSim(fields, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"expected five fields of cron, found {fields}: {error}") from None
    return Cron(fields, zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, found {name}") from None


def _six_fields(text: str, zone: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != 6:
        raise ValueError(f"expected six fields of cron, found {len(fields)}: {text}")
    minutes, hours, days, months, week, years = fields
    if (days == "?") == (week == "?"):
        raise ValueError(f"expected ? as the day of month or the day of week, found {text}")
    if "W" in days and days != "LW":
        raise ValueError(f"expected no W as a day of month (not in the local AWS), found {text}")
    days = "*" if days == "?" else days
    week = "*" if week == "?" else ",".join(map(_weekday, week.split(",")))
    read = five_fields(f"{minutes} {hours} {days} {months} {week}", zone)
    return read if years == "*" else Cron(read.fields, zone, _years(years))


def _weekday(word: str) -> str:
    """Return a day, range or step of a week that begins at 1 as one of a week that begins at 0."""
    if word == "L":
        return "6"
    if special := _SPECIAL_WEEKDAY.fullmatch(word):
        return f"{int(special[1]) - 1}{special[2]}"
    found = _WEEKDAY.fullmatch(word)
    if found is None:
        raise ValueError(f"expected a day of week (1 to 7, SUN to SAT, L, 6L, 6#3), found {word}")
    first, last, step = found.groups()
    first = _from_zero(first)
    last = _from_zero(last) if last else "6" if step and first != "*" else ""
    span = f"{first}-{last}" if last else first
    return f"{span}/{step}" if step else span


def _from_zero(day: str) -> str:
    return str(int(day) - 1) if day.isdigit() else day


def _years(text: str) -> frozenset[int]:
    found: set[int] = set()
    for word in text.split(","):
        read = _YEAR.fullmatch(word)
        if read is None:
            raise ValueError(f"expected years, found {text}")
        first, last, step = read.groups()
        low = _YEARS.start if first == "*" else int(first)
        high = int(last) if last else _YEARS[-1] if first == "*" or step else low
        if not (low in _YEARS and high in _YEARS and low <= high and int(step or 1)):
            raise ValueError(f"expected years from {_YEARS.start} to {_YEARS[-1]}, found {text}")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)
