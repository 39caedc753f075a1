"""A schedule of the manifest as EventBridge Scheduler takes it. Pure: no AWS in here.

The keys are those of CreateSchedule, which are also the properties of AWS::Scheduler::Schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.schedules.cron import expression
from ops.schedules.envelope import KEYWORD, envelope
from worker.manifest.problems import Problem, RefusedValueError, dotted, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.fleet import Fleet, Schedule

#: Replaced in the input at every invocation ("Adding context attributes in EventBridge
#: Scheduler"): the id is unique, the time is as in 2022-03-22T18:59:43Z.
EXECUTION_ID = "<aws.scheduler.execution-id>"
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"

# CreateScheduleGroup and CreateSchedule, Name; ScheduleExpressionTimezone; Description.
_NAME_AT_MOST_CHARACTERS = 64
_ZONE_AT_MOST_CHARACTERS = 50
_DESCRIPTION_AT_MOST_CHARACTERS = 512
# "Quotas for EventBridge Scheduler": 256 KB, read as the smaller of the two kilobytes.
INPUT_AT_MOST_BYTES = 256_000

# EventBridge's own default is a day of attempts: a night's outage would then end in every firing
# of the night at once. What is an hour late goes to the dead-letter queue.
_RETRY_SECONDS = 3600
_RETRY_ATTEMPTS = 185  # as many as it takes in that time: the most allowed


class Untranslatable(Exception):
    """EventBridge Scheduler cannot take a schedule; `problems` say where, why and what to do."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def group_name(fleet: Fleet) -> str:
    """Return the name of the schedule group that holds the fleet's schedules and no others."""
    return fleet.name


def problems(fleet: Fleet) -> tuple[Problem, ...]:
    """Return why EventBridge Scheduler cannot take the fleet's schedules; places are keys."""
    found = [problem for each in fleet.schedules.values() for problem in _problems(fleet, each)]
    if fleet.schedules and len(fleet.name) > _NAME_AT_MOST_CHARACTERS:
        found.insert(0, _too_long("name", len(fleet.name), _NAME_AT_MOST_CHARACTERS))
    return tuple(found)


def definition(
    fleet: Fleet, schedule: Schedule, *, queue_arn: Any, dead_letter_arn: Any, role_arn: Any
) -> dict[str, Any]:
    """Return the schedule's definition. Raises Untranslatable.

    The ARNs are put in as they are: texts, or a template's references. The role is the one that
    EventBridge Scheduler sends with: to the queue and, what it cannot send, to the other.
    """
    wrong = tuple(_problems(fleet, schedule))
    if wrong:
        raise Untranslatable(wrong)
    about = f"fleet {fleet.name}: {schedule.task}"
    return {
        "Name": schedule.name,
        "GroupName": group_name(fleet),
        "Description": about[:_DESCRIPTION_AT_MOST_CHARACTERS],
        "ScheduleExpression": expression(schedule.cron),
        "ScheduleExpressionTimezone": schedule.timezone,
        "State": "ENABLED" if schedule.enabled else "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": queue_arn,
            "RoleArn": role_arn,
            "Input": _input(fleet, schedule),
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": _RETRY_SECONDS,
                "MaximumRetryAttempts": _RETRY_ATTEMPTS,
            },
            "DeadLetterConfig": {"Arn": dead_letter_arn},
        },
    }


def _input(fleet: Fleet, schedule: Schedule) -> str:
    return envelope(fleet, schedule, EXECUTION_ID, SCHEDULED_TIME)


def _problems(fleet: Fleet, schedule: Schedule) -> Iterator[Problem]:
    place = dotted("schedules", schedule.name)
    if len(schedule.name) > _NAME_AT_MOST_CHARACTERS:
        yield _too_long(place, len(schedule.name), _NAME_AT_MOST_CHARACTERS)
    if len(schedule.timezone) > _ZONE_AT_MOST_CHARACTERS:
        yield _too_long(f"{place}.timezone", len(schedule.timezone), _ZONE_AT_MOST_CHARACTERS)
    if KEYWORD in schedule.task:
        yield Problem(
            f"{place}.task",
            f"expected a name without {KEYWORD}, got {quoted(schedule.task)}",
            "rename it (EventBridge Scheduler would replace that)",
        )
    try:
        expression(schedule.cron)
    except RefusedValueError as error:
        yield Problem(
            f"{place}.cron", f"expected {error.expected}, got {error.found}", error.remedy
        )
    size = len(_input(fleet, schedule).encode())
    if size > INPUT_AT_MOST_BYTES:
        yield Problem(
            f"{place}.args",
            f"expected a message of at most {INPUT_AT_MOST_BYTES} bytes with args and kwargs "
            f"(EventBridge Scheduler's limit), got {size}",
            "pass a reference to what is large",
        )


def _too_long(place: str, found: int, most: int) -> Problem:
    what = f"expected at most {most} characters (EventBridge Scheduler's limit), got {found}"
    return Problem(place, what, "shorten it")
