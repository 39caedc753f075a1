"""The runner of a fleet without EventBridge Scheduler: sends each firing at its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from ops.errors import Exit, OpsError
from ops.schedules.due import Firing, Missed, due, next_due
from ops.schedules.firings import stamp
from ops.schedules.sending import NotSent, Sent, name_of, send
from worker.sqs.backoff import wait_seconds

if TYPE_CHECKING:
    from worker.fleet import Fleet, Schedule
    from worker.sqs.client import Sqs
    from worker.sqs.errors import Trouble

#: The wall clock is asked at least this often: it may be set, and a laptop may sleep.
LOOK_AGAIN: Final = timedelta(seconds=30)
#: A clock set back by less is one that runs slow for a moment: nothing is sent again.
SET_BACK: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what: `sent` each message, `say` a line of all else."""

    sent: Callable[[Sent], None]
    say: Callable[[str], None]


@dataclass(slots=True)
class _Attempt:
    firing: Firing
    failures: int = 0
    why: Trouble | None = None  # it failed last, and was said
    again_at: float = 0.0  # of the monotonic clock


class Runner:
    """Sends the firings of a fleet's schedules, one after the other, until it is interrupted.

    Every firing has a task id of its own, the same from every runner, so a runner
    that sends it a second time sends the same task; it is SQS that may then run it twice.
    """

    def __init__(self, fleet: Fleet, sqs: Sqs, told: Told) -> None:
        self._fleet = fleet
        self._sqs = sqs
        self._told = told
        self._waiting: list[_Attempt] = []
        self._rng = Random()  # noqa: S311  # spreads retries, hides nothing

    @property
    def unsent(self) -> tuple[str, ...]:
        """A line for each firing that came due and is not known to be sent."""
        return tuple(f"{name_of(each.firing)}: not known to be sent" for each in self._waiting)

    def run(self, catch_up: timedelta) -> None:
        """Run for ever. What came due up to `catch_up` ago, also before the start, is sent late.

        Ends by what a signal's handler raises.
        """
        since = _now() - catch_up
        while True:
            now = _now()
            if now < since - SET_BACK:
                self._told.say(f"the clock was set back, to {stamp(now)}: going on from there")
                since = now
            if now > since:
                found = due(self._schedules, since, now, catch_up)
                since = now
                self._waiting += [_Attempt(firing) for firing in found.send]
                for missed in found.missed:
                    self._told.say(_missed_line(missed))
            self._send_waiting(now)
            time.sleep(self._pause_seconds(now, since))

    @property
    def _schedules(self) -> Sequence[Schedule]:
        return tuple(self._fleet.schedules.values())

    def _pause_seconds(self, now: datetime, since: datetime) -> float:
        pauses = [LOOK_AGAIN.total_seconds()]
        upcoming = next_due(self._schedules, since)
        if upcoming is not None:
            pauses.append((upcoming[0] - now).total_seconds())
        pauses += [attempt.again_at - time.monotonic() for attempt in self._waiting]
        return max(0.0, min(pauses))

    def _send_waiting(self, now: datetime) -> None:
        for attempt in list(self._waiting):
            firing = attempt.firing
            if attempt.failures and firing.until is not None and now >= firing.until:
                self._waiting.remove(attempt)
                self._told.say(
                    f"{name_of(firing)}: given up after {attempt.failures} attempts: "
                    "it has fired again"
                )
            elif attempt.again_at <= time.monotonic():
                self._try(attempt)

    def _try(self, attempt: _Attempt) -> None:
        firing = attempt.firing
        try:
            sent = send(self._fleet, self._sqs, firing)
        except NotSent as error:
            attempt.failures += 1
            attempt.again_at = time.monotonic() + wait_seconds(attempt.failures, self._rng)
            if attempt.why is not error.why:
                attempt.why = error.why
                until = "it is sent" if firing.until is None else stamp(firing.until)
                self._told.say(f"{error}: trying again until {until}")
            return
        self._waiting.remove(attempt)
        self._told.sent(sent)


def announce(fleet: Fleet) -> str:
    """Return what a runner of this fleet will send next, or raise OpsError (exit 2) if nothing."""
    schedules = tuple(fleet.schedules.values())
    upcoming = next_due(schedules, _now())
    if upcoming is None:
        found = "none" if not schedules else "none that will fire"
        raise OpsError(
            f"{fleet.path}: schedules: expected one that is enabled, got {found}: "
            "add one as [schedules.NAME]",
            Exit.USAGE,
        )
    at, schedule = upcoming
    enabled = sum(each.enabled for each in schedules)
    return f"{enabled} of {len(schedules)} schedules enabled; next {schedule.name} at {stamp(at)}"


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _missed_line(missed: Missed) -> str:
    when = stamp(missed.first)
    if missed.count > 1:
        when = f"{missed.count} times from {when} to {stamp(missed.last)}"
    return f"{missed.schedule.name}: missed: {when} (--catch-up sends what is late)"
