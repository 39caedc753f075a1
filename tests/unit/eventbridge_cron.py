"""EventBridge Scheduler's cron as its user guide describes it, read and evaluated by the minute.

Written from "Schedule types on EventBridge Scheduler" and nothing of ours or of cronsim: six
fields; `,` lists, `-` ranges, `start/step` to the end of the field; `?` in exactly one of the day
fields; days of the week count from 1, Sunday; `L` is the month's last day, `6L` its last Friday,
`3#2` its second Tuesday. What is outside of that raises.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@dataclass(frozen=True)
class EventBridgeCron:
    minutes: frozenset[int]
    hours: frozenset[int]
    day_of_month: str
    months: frozenset[int]
    day_of_week: str

    @classmethod
    def read(cls, text: str) -> "EventBridgeCron":
        assert len(text) <= 256
        match = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", text)
        assert match is not None, text
        minutes, hours, day_of_month, months, day_of_week, years = match.groups()
        assert (day_of_month == "?") != (day_of_week == "?"), text
        assert years == "*"
        return cls(
            values(minutes, 0, 59),
            values(hours, 0, 23),
            day_of_month,
            values(months, 1, 12, MONTHS),
            day_of_week,
        )

    def fires(self, at: datetime) -> bool:
        return (
            at.minute in self.minutes
            and at.hour in self.hours
            and at.month in self.months
            and self.on(at.date())
        )

    def on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        last = calendar.monthrange(day.year, day.month)[1]
        if self.day_of_week == "?":
            if self.day_of_month == "L":
                return day.day == last
            return day.day in values(self.day_of_month, 1, 31)
        weekday = day.isoweekday() % 7 + 1
        if last_of := re.fullmatch(r"([1-7])L", self.day_of_week):
            return weekday == int(last_of[1]) and day.day > last - 7
        if nth := re.fullmatch(r"([1-7])#([1-5])", self.day_of_week):
            return weekday == int(nth[1]) and (day.day - 1) // 7 + 1 == int(nth[2])
        assert "/" not in self.day_of_week, "steps are not documented for days of the week"
        return weekday in values(self.day_of_week, 1, 7, DAYS)


def values(field: str, low: int, high: int, names: list[str] | None = None) -> frozenset[int]:
    if field == "*":
        return frozenset(range(low, high + 1))
    found: set[int] = set()
    for term in field.split(","):
        if step := re.fullmatch(r"(\d+)/(\d+)", term):
            assert int(step[2]) > 0
            found |= set(range(int(step[1]), high + 1, int(step[2])))
        else:
            start, _, end = term.partition("-")
            first = number(start, low, names)
            found |= set(range(first, (number(end, low, names) if end else first) + 1))
    assert found, field
    assert min(found) >= low, field
    assert max(found) <= high, field
    return frozenset(found)


def number(text: str, low: int, names: list[str] | None) -> int:
    if names is not None and text in names:
        return names.index(text) + low
    return int(text)
