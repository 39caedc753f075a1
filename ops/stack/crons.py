"""What windows' cron expressions come to in a week, and in Auto Scaling's cron. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from cronsim import CronSim

DAY_MINUTES: Final = 24 * 60

_NAMED: Final = {
    name: str(number)
    for names in (
        ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
        ("", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    )
    for number, name in enumerate(names)
    if name
}
_NAME: Final = re.compile("|".join(_NAMED))
#: What every cron has: the last day of a month, or its second Monday, is left to the engine.
_PLAIN: Final = re.compile(r"[0-9*,/-]+( [0-9*,/-]+){4}")
_RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)")
_ALL_DAYS: Final = frozenset(range(1, 32))
_ALL_MONTHS: Final = frozenset(range(1, 13))


def plain_cron(expression: str) -> str | None:
    """Return five fields of cron in numbers alone, or None where there is no such text."""
    text = _NAME.sub(lambda match: _NAMED[match[0]], " ".join(expression.upper().split()))
    if _PLAIN.fullmatch(text) is None:
        return None
    backwards = any(int(low) > int(high) for low, high in _RANGE.findall(text))
    return None if backwards else text


def minutes_of_week(expression: str) -> frozenset[int] | None:
    """Return the minutes of a week, from Sunday 00:00 on, at which it fires.

    None where weeks differ: it goes by the day of the month, or by months.
    """
    cron = _read(expression)
    days = [day for day in cron.weekdays if isinstance(day, int)]
    # With a day of the month that does not begin with *, either of the two days is enough.
    every_day = set(cron.days) >= _ALL_DAYS and cron.parts[3].startswith("*")
    if not every_day or set(cron.months) < _ALL_MONTHS or len(days) < len(cron.weekdays):
        return None
    return frozenset(
        (day % 7) * DAY_MINUTES + hour * 60 + minute
        for day in days
        for hour in cron.hours
        for minute in cron.minutes
    )


def never_together(one: str, other: str) -> bool:
    """Say whether two expressions are known never to fire in the same minute."""
    first, second = _read(one), _read(other)
    if not (first.minutes & second.minutes and first.hours & second.hours):
        return True
    if not first.months & second.months:
        return True
    by_date = first.parts[5] == second.parts[5] == "*"
    return by_date and not set(first.days) & set(second.days)


def _read(expression: str) -> CronSim:
    return CronSim(expression, datetime(2000, 1, 1))  # noqa: DTZ001  # its fields are all there is
