"""What EventBridge Scheduler is given, and what of it comes out as a message."""

import json
from typing import Any

import pytest
from celery.app.task import Context

from ops.schedules.envelope import firing_id
from ops.schedules.eventbridge import (
    EXECUTION_ID,
    INPUT_AT_MOST_BYTES,
    SCHEDULED_TIME,
    Untranslatable,
    definition,
    problems,
)
from tests.unit.test_schedule_firings import utc
from worker.fleet import Fleet
from worker.sqs.envelope import decode

KEYWORDS = {
    EXECUTION_ID: "d32c5kddcf5bb8c3",
    SCHEDULED_TIME: "2027-03-22T18:59:43Z",
    "<aws.scheduler.schedule-arn>": "arn:aws:scheduler:eu-west-1:1:schedule/media/digest",
    "<aws.scheduler.attempt-number>": "1",
}


def fleet(name: str = "media", schedule: str = "digest", **keys: Any) -> Fleet:
    digest = {"cron": "30 6 * * MON-FRI", "task": "mail.digest", **keys}
    return Fleet.model_validate(
        {"name": name, "queues": {"mail": {"tasks": ["mail.*"]}}, "schedules": {schedule: digest}}
    )


def defined(of: Fleet) -> dict[str, Any]:
    (schedule,) = of.schedules.values()
    return definition(of, schedule, queue_arn="queue", dead_letter_arn="dlq", role_arn="role")


def fired(of: Fleet) -> str:
    """The message EventBridge Scheduler sends: it replaces its keywords wherever they are."""
    text: str = defined(of)["Target"]["Input"]
    for keyword, value in KEYWORDS.items():
        text = text.replace(keyword, value)
    return text


def test_a_definition() -> None:
    made = defined(fleet(timezone="Europe/Berlin"))
    target = made.pop("Target")
    assert made == {
        "Name": "digest",
        "GroupName": "media",
        "Description": "fleet media: mail.digest",
        "ScheduleExpression": "cron(30 6 ? * MON-FRI *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
    }
    assert json.loads(target.pop("Input"))["headers"]["id"] == EXECUTION_ID
    assert target == {
        "Arn": "queue",
        "RoleArn": "role",
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185},
        "DeadLetterConfig": {"Arn": "dlq"},
    }
    assert defined(fleet(enabled=False))["State"] == "DISABLED"


def test_arns_may_be_references_of_a_template() -> None:
    of = fleet()
    reference = {"Fn::GetAtt": ["Queue", "Arn"]}
    made = definition(
        of,
        of.schedules["digest"],
        queue_arn=reference,
        dead_letter_arn=reference,
        role_arn={"Ref": "Role"},
    )
    assert made["Target"]["Arn"] is reference


def test_its_message_is_a_task_with_an_id_of_its_own() -> None:
    args = ("grüße \u2028 \x00 \\ \" '", 3.5, None, [{}])
    message = decode(fired(fleet(args=list(args), kwargs={"a": {"b": True}})))
    assert (message.task, message.task_id) == ("mail.digest", "d32c5kddcf5bb8c3")
    assert message.payload["properties"]["correlation_id"] == "d32c5kddcf5bb8c3"
    found_args, kwargs, _ = json.loads(message.payload["body"])
    assert (tuple(found_args), kwargs) == (args, {"a": {"b": True}})
    request = Context(message.payload["headers"])
    assert (request.id, request.root_id) == ("d32c5kddcf5bb8c3", "d32c5kddcf5bb8c3")
    # What Celery also sends on with a retry, and with what the task sends.
    assert request.headers == {
        "fleet_schedule": "digest",
        "fleet_scheduled_time": "2027-03-22T18:59:43Z",
    }


def test_keywords_in_arguments_arrive_as_they_were_written() -> None:
    odd = [*KEYWORDS, "\\<aws.scheduler.execution-id>", "<aws.other> < \\u003caws.scheduler."]
    message = decode(fired(fleet(args=odd, kwargs={EXECUTION_ID: 1})))
    args, kwargs, _ = json.loads(message.payload["body"])
    assert args == odd
    assert kwargs == {EXECUTION_ID: 1}


def test_a_firing_has_one_id_from_every_runner_and_no_other_firing_has_it() -> None:
    one, digest = fleet(), fleet().schedules["digest"]
    weekly = fleet(schedule="weekly").schedules["weekly"]
    at, later = utc("2027-03-22 18:59"), utc("2027-03-22 19:00")
    # Also from another release's runner: this text may never change.
    known = "93a96df9-7557-59da-91f0-81fba11e1736"
    assert firing_id(one, digest, at) == known
    assert (
        firing_id(one, fleet(args=["changed"]).schedules["digest"], at)
        == "93a96df9-7557-59da-91f0-81fba11e1736"
    )
    others = {
        firing_id(one, digest, later),
        firing_id(fleet(name="radio"), digest, at),
        firing_id(one, weekly, at),
    }
    assert len(others | {known}) == 4


@pytest.mark.parametrize(
    ("of", "line"),
    [
        (
            fleet(cron="0 0 13 * FRI"),
            "schedules.digest.cron: expected a day of month or a day of week (EventBridge "
            "Scheduler takes one of them), got both, which cron fires on either: leave one as "
            '"*" and let the task look at the date, or write schedules that never fire on the '
            "same day",
        ),
        (
            fleet(schedule="n" * 65),
            f"schedules.{'n' * 65}: expected at most 64 characters (EventBridge Scheduler's "
            "limit), got 65: shorten it",
        ),
        (
            fleet(name="n" * 65),
            "name: expected at most 64 characters (EventBridge Scheduler's limit), got 65: "
            "shorten it",
        ),
        (
            fleet(args=["x" * 199_000], kwargs={"more": "x" * 60_000}),
            "schedules.digest.args: expected a message of at most 256000 bytes with args and "
            "kwargs (EventBridge Scheduler's limit), got 259733: pass a reference to what is large",
        ),
        (
            fleet(task=f"mail.{EXECUTION_ID}"),
            "schedules.digest.task: expected a name without <aws.scheduler., got "
            '"mail.<aws.scheduler.execution-id>": rename it (EventBridge Scheduler would '
            "replace that)",
        ),
    ],
    ids=["cron", "long name", "long fleet", "large", "task"],
)
def test_what_eventbridge_does_not_take_is_refused(of: Fleet, line: str) -> None:
    assert [str(problem) for problem in problems(of)] == [line]
    if not line.startswith("name"):
        with pytest.raises(Untranslatable):
            defined(of)


def test_the_largest_message_is_taken() -> None:
    bare = len(defined(fleet(args=[""], kwargs={"k": ""}))["Target"]["Input"])
    args = ["x" * 190_000]
    fits = INPUT_AT_MOST_BYTES - bare - 190_000
    assert not problems(fleet(args=args, kwargs={"k": "x" * fits}))
    assert problems(fleet(args=args, kwargs={"k": "x" * (fits + 1)}))
