"""What a runner has to send, and what it has missed. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ops.schedules.firings import firings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.fleet import Schedule

#: What is noticed later than this was missed. EventBridge Scheduler's precision is a minute too.
ON_TIME = timedelta(seconds=60)
#: How far back one looks for what was missed: a minutely schedule has 10,000 firings in a week.
LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Firing:
    """A schedule at one of its times, in UTC.

    `until` is when it is given up if it cannot be sent: as the schedule fires again; None if it
    never does.
    """

    schedule: Schedule
    at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Missed:
    """Times of a schedule, in UTC, that nobody was there to send."""

    schedule: Schedule
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """What came due: to send, in the order of time, and what is too late for it."""

    send: tuple[Firing, ...]
    missed: tuple[Missed, ...]


def due(schedules: Iterable[Schedule], since: datetime, now: datetime, catch_up: timedelta) -> Due:
    """Return what came due after `since` and up to `now`, both with a zone.

    What is later than a minute and than `catch_up` is missed. Schedules that are not enabled have
    no part in it.
    """
    begin = max(since, now - LOOK_BACK)
    late = now - max(ON_TIME, catch_up)
    send: list[Firing] = []
    missed: list[Missed] = []
    for schedule in schedules:
        if not schedule.enabled:
            continue
        too_late: list[datetime] = []
        in_time: list[datetime] = []
        following = None
        for at in firings(schedule, begin):
            if at > now:
                following = at
                break
            (too_late if at < late else in_time).append(at)
        if too_late:
            missed.append(Missed(schedule, len(too_late), too_late[0], too_late[-1]))
        # What is caught up on has as long as the last of it.
        send += [Firing(schedule, at, following) for at in in_time]
    return Due(tuple(sorted(send, key=lambda f: (f.at, f.schedule.name))), tuple(missed))


def next_due(schedules: Iterable[Schedule], after: datetime) -> tuple[datetime, Schedule] | None:
    """Return the next time at which an enabled schedule fires, in UTC; None if none ever does."""
    times = [
        (at, schedule)
        for schedule in schedules
        if schedule.enabled and (at := next(firings(schedule, after), None)) is not None
    ]
    return min(times, key=lambda pair: (pair[0], pair[1].name), default=None)
