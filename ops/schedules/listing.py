"""What there is to know of a fleet's schedules without asking AWS. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from ops.schedules.clock_changes import ClockChange, clock_changes
from ops.schedules.cron import expression
from ops.schedules.eventbridge import problems
from ops.schedules.firings import firings, stamp
from worker.manifest.problems import Problem, RefusedValueError, dotted

if TYPE_CHECKING:
    from worker.fleet import Fleet, Schedule


@dataclass(frozen=True, slots=True)
class Listed:
    """A schedule, its next times in UTC, and what to beware of.

    `eventbridge` is its expression there, or None where `problems` say why it has none.
    """

    schedule: Schedule
    queue: str
    words: str
    next: tuple[datetime, ...]
    clock_changes: tuple[ClockChange, ...]
    eventbridge: str | None
    problems: tuple[Problem, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the schedule."""
        return ZoneInfo(self.schedule.timezone)

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON: times in ISO 8601, those of clock changes local and without zone."""
        return {
            "name": self.schedule.name,
            "cron": self.schedule.cron,
            "words": self.words,
            "timezone": self.schedule.timezone,
            "task": self.schedule.task,
            "queue": self.queue,
            "enabled": self.schedule.enabled,
            "next": [
                {"local": at.astimezone(self.zone).isoformat(), "utc": stamp(at)}
                for at in self.next
            ],
            "clock_changes": [
                {
                    "skipped": change.skipped,
                    "times": [time.isoformat(timespec="minutes") for time in change.times],
                }
                for change in self.clock_changes
            ],
            "eventbridge": self.eventbridge,
            "problems": [
                {"place": p.place, "what": p.what, "remedy": p.remedy} for p in self.problems
            ],
        }


def listing(fleet: Fleet, now: datetime, count: int) -> Sequence[Listed]:
    """Return the schedules in the manifest's order, each with its next `count` times."""
    wrong = problems(fleet)
    return [_listed(fleet, schedule, now, count, wrong) for schedule in fleet.schedules.values()]


def _listed(
    fleet: Fleet, schedule: Schedule, now: datetime, count: int, wrong: Sequence[Problem]
) -> Listed:
    place = dotted("schedules", schedule.name)
    return Listed(
        schedule=schedule,
        queue=fleet.route(schedule.task) or "",
        words=CronSim(schedule.cron, datetime(2000, 1, 1, tzinfo=UTC)).explain(),
        next=tuple(islice(firings(schedule, now), count)) if schedule.enabled else (),
        clock_changes=tuple(clock_changes(schedule, now)) if schedule.enabled else (),
        eventbridge=_expression(schedule),
        problems=tuple(p for p in wrong if p.place == place or p.place.startswith(f"{place}.")),
    )


def _expression(schedule: Schedule) -> str | None:
    try:
        return expression(schedule.cron)
    except RefusedValueError:
        return None
