"""Cron expressions and time zones as the manifest writes them: two types that check themselves."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

from worker.manifest.problems import RefusedValueError


def _cron(expression: str) -> str:
    if len(expression.split()) != 5:
        raise RefusedValueError(
            "five fields: minute, hour, day of month, month, day of week",
            'write them as cron does, such as "30 6 * * MON-FRI"',
        )
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise RefusedValueError(
            f"a cron expression ({error})", 'correct it, such as "30 6 * * MON-FRI"'
        ) from None
    return expression


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise RefusedValueError(
            'a time zone of the IANA database such as "Europe/Berlin"', "write its name"
        ) from None
    return name


Cron = Annotated[str, AfterValidator(_cron)]
"""Five fields of cron that cronsim can read."""

Zone = Annotated[str, AfterValidator(_zone)]
"""The name of a time zone that this machine knows."""

#: Ends looked at for one that is no beginning: a week of minutes.
_ENDS_LOOKED_AT: Final = 10_080


def first_end(begins: str, ends: str, after: datetime) -> datetime | None:
    """Return the first time of `ends` after a local time that is not one of `begins` as well.

    Times have no zone. None where there is none among the next ten thousand.
    """
    begin, end = CronSim(begins, after), CronSim(ends, after)
    if _covers(begin, end):
        return None
    return next((at for at in islice(end, _ENDS_LOOKED_AT) if not _fires(begin, at)), None)


def _covers(cron: CronSim, other: CronSim) -> bool:
    """Say whether every time of `other` is one of `cron`, where their fields alone show it."""
    return (
        cron.minutes >= other.minutes
        and cron.hours >= other.hours
        and cron.months >= other.months
        and cron.days >= other.days
        and cron.weekdays >= other.weekdays
        and cron.day_and == other.day_and
    )


def _fires(cron: CronSim, local: datetime) -> bool:
    return (
        local.minute in cron.minutes
        and local.hour in cron.hours
        and local.month in cron.months
        and cron.match_day(local.date())
    )
