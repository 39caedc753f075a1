"""Beat's schedules as five fields of cron, or why one cannot be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

_BOUNDS: Final = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: What a repeating schedule comes to, where it divides the clock evenly: its unit in seconds, how
#: many make the next unit, and the fields.
_REPEATING: Final = (
    (_MINUTE, 60, "{every} * * * *"),
    (_HOUR, 24, "0 {every} * * *"),
)
_ONCE: Final = {_HOUR: "0 * * * *", _DAY: "0 0 * * *", 7 * _DAY: "0 0 * * 0"}


class Untranslatable(ValueError):
    """A schedule that five fields cannot say; the text says why."""


def cron_of_fields(**fields: Collection[int]) -> str:
    """Return a crontab of Celery's, given as the numbers each field matches, as cron writes it.

    The fields are those of `celery.schedules.crontab`, Sunday is 0. Raises Untranslatable.
    """
    if _restricted(fields, "day_of_month") and _restricted(fields, "day_of_week"):
        raise Untranslatable(
            "names days of the month and of the week: Celery runs it where both match, cron where "
            "either does"
        )
    return " ".join(_field(fields[name], *bounds) for name, bounds in _BOUNDS.items())


def cron_of_interval(every_seconds: float) -> str:
    """Return an interval as times on the clock. Raises Untranslatable where they are uneven."""
    for seconds, fields in _ONCE.items():
        if every_seconds == seconds:
            return fields
    for unit, of_next, fields in _REPEATING:
        count, rest = divmod(every_seconds, unit)
        if rest == 0 and 1 <= count < of_next and of_next % count == 0:
            return fields.format(every="*" if count == 1 else f"*/{int(count)}")
    if every_seconds < _MINUTE:
        raise Untranslatable(f"runs every {every_seconds:g} s: cron's shortest is a minute")
    raise Untranslatable(f"runs every {every_seconds:g} s, which does not divide the clock evenly")


def _restricted(fields: dict[str, Collection[int]], name: str) -> bool:
    low, high = _BOUNDS[name]
    return set(fields[name]) != set(range(low, high + 1))


def _field(values: Collection[int], low: int, high: int) -> str:
    numbers = sorted(set(values))
    if numbers == list(range(low, high + 1)):
        return "*"
    step = numbers[1] - numbers[0] if len(numbers) > 2 else 0
    if step > 1 and numbers == list(range(low, high + 1, step)):
        return f"*/{step}"
    return ",".join(_runs(numbers))


def _runs(numbers: list[int]) -> list[str]:
    """Return `1,2,3,7` as `1-3` and `7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [f"{r[0]}-{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs]
