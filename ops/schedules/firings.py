"""When a schedule fires. Pure: the time is an argument.

One rule for both runners, which is EventBridge Scheduler's ("Schedule types", daylight savings
time): a local time that the clock skips is not fired, one that comes twice is fired the first
time only. cronsim left to itself follows Debian's cron instead (it moves what was skipped, and
repeats expressions that begin with a star), so it is asked in local time without a zone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.fleet import Schedule


def firings(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield the times, in UTC, at which a schedule fires after `after`, which has a zone.

    Ends where cronsim does: at an expression that nothing matches for fifty years.
    """
    zone = ZoneInfo(schedule.timezone)
    for local in CronSim(schedule.cron, local_time(after, zone)):
        at = instant(local, zone)
        # Within an hour that comes twice, what follows on the clock may be past already.
        if at is not None and at > after:
            yield at


def local_time(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock in the zone shows at an instant, without the zone."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def instant(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when, in UTC, a clock in the zone first shows that time; None if it never does."""
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return at if local_time(at, zone) == local else None


def stamp(at: datetime) -> str:
    """Write an instant as EventBridge Scheduler writes a scheduled time: 2022-03-22T18:59:43Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
