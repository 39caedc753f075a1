"""EventBridge Scheduler's schedules: fired by the clock, and refused where they would not be.

moto keeps them, whatever they say, and fires none.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends

from ops.local.timed.expressions import Cron, Every, When, Within, expression
from ops.local.timed.sending import Firing, send

_log = logging.getLogger(__name__)
_WAIT_SECONDS: Final = 2.0


class Schedules:
    """The schedules of all regions, by their ARNs. `url` is the local AWS's own address.

    `minute_seconds` is a rate's minute.
    """

    def __init__(self, url: str, minute_seconds: float) -> None:
        self._url = url
        self._minute_seconds = minute_seconds
        self._known: dict[str, tuple[Any, Any]] = {}
        backend = EventBridgeSchedulerBackend
        backend.create_schedule = self._checking(backend.create_schedule)
        backend.update_schedule = self._checking(backend.update_schedule)

    def whens(self) -> Mapping[str, When]:
        """Return when each enabled schedule fires."""
        self._known = {
            each.arn: (backend, each) for backend, each in _schedules() if each.state == "ENABLED"
        }
        return {arn: self._when(each) for arn, (_, each) in self._known.items()}

    def fire(self, name: str, at: float) -> None:
        """Send the schedule's message; an SQS that is slow holds nothing else up for long."""
        backend, schedule = self._known[name]
        what = (Firing(schedule, at), self._url, backend.region_name)
        sending = threading.Thread(target=_sent, args=what, name="schedule", daemon=True)
        sending.start()
        sending.join(_WAIT_SECONDS)

    def over(self, name: str) -> None:
        """Delete the schedule, where it says so."""
        backend, schedule = self._known[name]
        if schedule.action_after_completion == "DELETE":
            backend.delete_schedule(schedule.group_name, schedule.name)

    def _when(self, schedule: Any) -> When:
        first, last = _seconds(schedule.start_date), _seconds(schedule.end_date)
        return self._read(
            schedule.schedule_expression, schedule.schedule_expression_timezone, first, last
        )

    def _read(self, text: str, zone: str, first: float | None, last: float | None) -> When:
        # "If you do not provide a StartDate for your rate-based schedule, it starts at once"
        # ("Schedule types"); of a single time neither date is looked at (CreateSchedule).
        found = expression(text, zone, self._minute_seconds, at_once=True)
        if isinstance(found, Every | Cron) and (first is not None or last is not None):
            return Within(found, first, last)
        return found

    def _checking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(backend: Any, **wanted: Any) -> Any:
            try:
                self._check(wanted)
            except ValueError as error:
                raise ValidationException(f"{wanted['name']}: {error}.") from error
            return original(backend, **wanted)

        return call

    def _check(self, wanted: Mapping[str, Any]) -> None:
        """Raises ValueError where a schedule could not be fired as it says."""
        zone = wanted["schedule_expression_timezone"] or "UTC"
        self._read(wanted["schedule_expression"], zone, None, None)
        window = wanted["flexible_time_window"]
        if window.get("Mode") != "OFF":
            raise ValueError(
                "FlexibleTimeWindow: expected Mode OFF (the local AWS fires at the time itself), "
                f"found {window}"
            )
        target = wanted["target"]["Arn"]
        if target.split(":")[2:3] != ["sqs"] or target.count(":") != 5:
            raise ValueError(
                "Target.Arn: expected a queue's ARN (the local AWS sends to SQS alone), found "
                f"{target}"
            )


def _sent(firing: Firing, url: str, region: str) -> None:
    try:
        send(firing, url, region)
    except Exception:  # of the dead letter: nobody else is told
        _log.exception("schedule %s", firing.schedule.arn)


def _schedules() -> Iterator[tuple[Any, Any]]:
    for account in list(scheduler_backends.keys()):
        for region in list(scheduler_backends[account].keys()):
            backend = scheduler_backends[account][region]
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    yield backend, schedule


def _seconds(date: Any) -> float | None:
    if date is None or isinstance(date, int | float):
        return date
    return datetime.fromisoformat(str(date)).timestamp()
