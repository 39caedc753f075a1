"""From five-field cron to EventBridge Scheduler's `cron(...)`. Pure.

What an expression means is asked of cronsim, which has read it, and written anew in the forms
that EventBridge documents ("Schedule types on EventBridge Scheduler"): values, ranges, lists, and
`start/step` to the end of a field. So no step, wrap or name of one dialect is ever read by the
other's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from cronsim import CronSim

from worker.manifest.problems import RefusedValueError

_MINUTES = range(60)
_HOURS = range(24)
_DAYS = range(1, 32)
_MONTHS = range(1, 13)
_WEEK = range(7)
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

# CreateSchedule, ScheduleExpression.
LONGEST_CHARACTERS = 256

_SPLIT = "write a schedule for each of them (no day may be in two: it would be sent twice)"


def expression(cron: str) -> str:
    """Return EventBridge Scheduler's expression for five fields of cron that cronsim accepts.

    Raises RefusedValueError where EventBridge cannot say it.
    """
    read = CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    days, week = _day_fields(read)
    fields = (
        _numbers(read.minutes, _MINUTES, step=True),
        _numbers(read.hours, _HOURS, step=True),
        days,
        _numbers(read.months, _MONTHS),
        week,
        "*",
    )
    text = f"cron({' '.join(fields)})"
    if len(text) > LONGEST_CHARACTERS:
        raise RefusedValueError(
            f"at most {LONGEST_CHARACTERS} characters in EventBridge's dialect",
            "write fewer single values",
            f"{len(text)}",
        )
    return text


def _day_fields(read: CronSim) -> tuple[str, str]:
    """Return day of month and day of week, one of which EventBridge wants to be `?`."""
    days = _days_of_month(read.days)
    week = _days_of_week(read.weekdays)
    if "*" not in (days, week):
        how = "on a day that is both" if read.day_and else "on either"
        raise RefusedValueError(
            "a day of month or a day of week (EventBridge Scheduler takes one of them)",
            'leave one as "*" and let the task look at the date, or write schedules that never '
            "fire on the same day",
            f"both, which cron fires {how}",
        )
    if not read.day_and:
        return "*", "?"  # every day or some: every day
    return (days, "?") if week == "*" else ("?", week)


def _days_of_month(days: Collection[int]) -> str:
    if CronSim.LAST_WEEKDAY in days:
        raise RefusedValueError(
            "a day of month without LW (EventBridge Scheduler documents no such form)",
            'write "L" and let the task look at the date',
            "LW",
        )
    if CronSim.LAST in days:
        if len(days) > 1:
            raise RefusedValueError("L alone in the day of month", _SPLIT, "it in a list")
        return "L"
    return _numbers(days, _DAYS)


def _days_of_week(weekdays: Collection[int | tuple[int, int]]) -> str:
    special = {(day[0] % 7, day[1]) for day in weekdays if isinstance(day, tuple)}
    plain = {day % 7 for day in weekdays if not isinstance(day, tuple)}
    if not special:
        return "*" if len(plain) == len(_WEEK) else _ranges(plain, _day_name)
    if plain or len(special) > 1:
        raise RefusedValueError("one day of the week with # or L", _SPLIT, "it in a list")
    ((day, nth),) = special
    # Days count from 1, Sunday, there.
    return f"{day + 1}L" if nth == CronSim.LAST else f"{day + 1}#{nth}"


def _numbers(values: Collection[int], whole: range, *, step: bool = False) -> str:
    if len(values) == len(whole):
        return "*"
    ordered = sorted(values)
    if step and len(ordered) > 2:
        width = ordered[1] - ordered[0]
        if ordered == list(range(ordered[0], whole.stop, width)) and width > 1:
            return f"{ordered[0]}/{width}"
    return _ranges(values, str)


def _ranges(values: Collection[int], name: Callable[[int], str]) -> str:
    parts: list[tuple[int, int]] = []
    for value in sorted(values):
        if parts and parts[-1][1] == value - 1:
            parts[-1] = (parts[-1][0], value)
        else:
            parts.append((value, value))
    return ",".join(name(a) if a == b else f"{name(a)}-{name(b)}" for a, b in parts)


def _day_name(day: int) -> str:
    return _DAY_NAMES[day]
