"""What the local AWS does by the clock, which is turned: rules, schedules, scheduled actions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.record import calls
from tests.cloud.local_stacks import admin
from tests.cloud.machines import Fleet, machines, refused

TRUST = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "scheduler.amazonaws.com"},
        }
    ]
}


@dataclass
class Clocked:
    """A local AWS whose clock is turned."""

    fleet: Fleet

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(admin(self.fleet.url, "clock")["time"])

    def turn(self, to: datetime) -> list[str]:
        """Turn the clock, and return what was done for it."""
        wanted = {"time": to.isoformat()}
        fired: list[str] = admin(self.fleet.url, "clock", "POST", wanted)["fired"]
        return fired

    def noon(self, days: int = 1) -> datetime:
        """Return a noon to come, in UTC."""
        day = self.now.replace(hour=12, minute=0, second=0, microsecond=0)
        return day + timedelta(days=days)

    def queue(self, name: str) -> str:
        """Make a queue and return its ARN."""
        sqs = self.fleet.client("sqs")
        wanted = {"QueueUrl": sqs.create_queue(QueueName=name)["QueueUrl"]}
        found = sqs.get_queue_attributes(**wanted, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def messages(self, name: str) -> list[dict[str, Any]]:
        sqs = self.fleet.client("sqs")
        wanted = {"QueueUrl": sqs.get_queue_url(QueueName=name)["QueueUrl"]}
        found: list[dict[str, Any]] = []
        while got := sqs.receive_message(**wanted, MessageAttributeNames=["All"]).get("Messages"):
            for each in got:
                sqs.delete_message(**wanted, ReceiptHandle=each["ReceiptHandle"])
                found.append(each)
        return found

    def bodies(self, name: str) -> list[Any]:
        return [json.loads(each["Body"]) for each in self.messages(name)]

    def role(self, name: str, service: str = "scheduler.amazonaws.com") -> str:
        trust = json.dumps(TRUST).replace("scheduler.amazonaws.com", service)
        iam = self.fleet.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        return str(made["Role"]["Arn"])

    def schedule(self, name: str, expression: str, role: str = "", **more: Any) -> None:
        """Make a schedule with a queue of its name and, unless it is named, a role of its name."""
        target = {
            "Arn": self.queue(name),
            "RoleArn": role or self.role(f"{name}.role"),
            "Input": json.dumps({"at": "<aws.scheduler.scheduled-time>"}),
            **more.pop("Target", {}),
        }
        self.fleet.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression=expression,
            **{"FlexibleTimeWindow": {"Mode": "OFF"}, **more},
            Target=target,
        )


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with machines(tmp_path_factory.mktemp("clock")) as fleet:
        clocked = Clocked(fleet)
        # So that whatever the time of day no other noon, nor early hour, comes before the next.
        clocked.turn(max(clocked.now, clocked.noon(0)))
        yield clocked


def test_a_rule_with_a_cron_fires_at_its_times(clocked: Clocked) -> None:
    events, arn = clocked.fleet.client("events"), clocked.queue("noon")
    rule = events.put_rule(Name="noon", ScheduleExpression="cron(0 12 * * ? *)")["RuleArn"]
    events.put_targets(Rule="noon", Targets=[{"Id": "queue", "Arn": arn}])
    noon = clocked.noon()
    assert rule not in clocked.turn(noon - timedelta(minutes=1))
    assert rule in clocked.turn(noon)
    (event,) = clocked.bodies("noon")
    assert event["time"] == f"{noon:%Y-%m-%dT%H:%M:%SZ}"
    assert (event["detail-type"], event["resources"]) == ("Scheduled Event", [rule])
    # Of the times that one turn passes over, the last is the one.
    assert clocked.turn(noon + timedelta(days=3)).count(rule) == 1
    (event,) = clocked.bodies("noon")
    assert event["time"] == f"{noon + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    events.disable_rule(Name="noon")
    assert rule not in clocked.turn(noon + timedelta(days=4))
    events.enable_rule(Name="noon")
    assert rule in clocked.turn(noon + timedelta(days=5))


@pytest.mark.parametrize(
    "wrong",
    ["cron(0 12 * * * *)", "cron(0 12 3W * ? *)", "cron(0 12 * * ?)", "at(2030-01-01T00:00:00)"],
)
def test_a_rule_that_could_not_fire_is_refused(clocked: Clocked, wrong: str) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        clocked.fleet.client("events").put_rule(Name="wrong", ScheduleExpression=wrong)


def test_a_schedule_sends_in_its_zone_and_as_its_role(clocked: Clocked) -> None:
    clocked.schedule("zone", "cron(30 6 ? * * *)", ScheduleExpressionTimezone="Asia/Kolkata")
    at = clocked.noon().replace(hour=1)
    clocked.turn(at - timedelta(seconds=1))
    assert clocked.bodies("zone") == []
    clocked.turn(at + timedelta(minutes=5))
    assert clocked.bodies("zone") == [{"at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}]
    (sent,) = [each for each in calls(clocked.fleet.folder) if each.role == "zone.role"]
    assert (sent.action, sent.who, sent.error) == ("sqs:SendMessage", "zone", "")


def test_a_schedule_fires_within_its_dates_and_while_it_is_enabled(clocked: Clocked) -> None:
    noon = clocked.noon()
    begin, end = noon + timedelta(hours=1), noon + timedelta(hours=4, minutes=30)
    clocked.schedule("dates", "cron(0 * * * ? *)", StartDate=begin, EndDate=end)
    clocked.schedule("off", "cron(0 * * * ? *)", State="DISABLED")
    seen = []
    for hour in range(7):
        clocked.turn(noon + timedelta(hours=hour, seconds=1))
        seen += [datetime.fromisoformat(each["at"]).hour for each in clocked.bodies("dates")]
    assert seen == [14, 15, 16]
    assert clocked.bodies("off") == []


def test_a_single_time_is_once_and_its_schedule_goes_where_it_says_so(clocked: Clocked) -> None:
    scheduler, noon = clocked.fleet.client("scheduler"), clocked.noon()
    at = f"at({noon:%Y-%m-%dT%H:%M:%S})"
    clocked.schedule("stays", at)
    clocked.schedule("goes", at, ActionAfterCompletion="DELETE")
    clocked.turn(noon)
    clocked.turn(noon + timedelta(days=1))
    for name in ("stays", "goes"):
        assert clocked.bodies(name) == [{"at": f"{noon:%Y-%m-%dT%H:%M:%SZ}"}]
    assert scheduler.get_schedule(Name="stays")["State"] == "ENABLED"
    with pytest.raises(ClientError, match="goes does not exist"):
        scheduler.get_schedule(Name="goes")


def test_what_no_queue_takes_is_a_dead_letter(clocked: Clocked) -> None:
    dead, noon = clocked.queue("dead"), clocked.noon()
    target = {"Arn": dead.replace(":dead", ":nowhere"), "DeadLetterConfig": {"Arn": dead}}
    clocked.schedule("undelivered", f"at({noon:%Y-%m-%dT%H:%M:%S})", Target=target)
    clocked.turn(noon)
    (message,) = clocked.messages("dead")
    told = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert told["SCHEDULE_ARN"].endswith(":schedule/default/undelivered")
    sent = json.loads(message["Body"])["MessageBody"]
    assert json.loads(sent) == {"at": told["SCHEDULED_TIME"]}


def test_a_role_that_the_scheduler_may_not_take_on_sends_nothing(clocked: Clocked) -> None:
    noon = clocked.noon()
    at = f"at({noon:%Y-%m-%dT%H:%M:%S})"
    clocked.schedule("others", at, clocked.role("ec2s", "ec2.amazonaws.com"))
    clocked.schedule("nobodys", at, "arn:aws:iam::123456789012:role/none")
    fired = clocked.turn(noon)
    assert {each.rpartition("/")[2] for each in fired} >= {"others", "nobodys"}
    assert clocked.bodies("others") == clocked.bodies("nobodys") == []


@pytest.mark.parametrize(
    ("expression", "more", "why"),
    [
        ("cron(0 12 * * * *)", {}, r"expected \?"),
        ("rate(5 seconds)", {}, "expected rate"),
        ("rate(5 minutes)", {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "expected Mode OFF"),
        ("rate(5 minutes)", {"ScheduleExpressionTimezone": "Mars/Base"}, "expected a time zone"),
        ("rate(5 minutes)", {"Target": {"Arn": "arn:aws:sns:eu-west-1:1:t"}}, "expected a queue's"),
    ],
)
def test_a_schedule_that_could_not_fire_as_it_says_is_refused(
    clocked: Clocked, expression: str, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{why}"):
        clocked.schedule("refused", expression, "arn:aws:iam::123456789012:role/none", **more)


def test_the_clock_goes_forward_alone_and_not_too_far(clocked: Clocked) -> None:
    url, now = clocked.fleet.url, clocked.now
    for wrong in (
        {"ahead_seconds": -1},
        {"ahead_seconds": True},
        {"ahead_seconds": 32 * 86_400},
        {"time": (now - timedelta(hours=1)).isoformat()},
        {"time": "soon"},
        {},
    ):
        assert refused(partial(admin, url, "clock", "POST", wrong)) == 400
    before = admin(url, "clock")["ahead_seconds"]
    assert admin(url, "clock", "POST", {"ahead_seconds": 90})["ahead_seconds"] == before + 90
    assert clocked.now >= now + timedelta(seconds=89)


def test_a_groups_sizes_change_by_the_clock(clocked: Clocked) -> None:
    fleet, noon = clocked.fleet, clocked.noon()
    scaling = fleet.client("autoscaling")
    clocked.turn(noon)
    fleet.template("windows")
    fleet.group("windows", DesiredCapacity=0)
    group = {"AutoScalingGroupName": "windows"}
    for name, hour, sizes in (
        ("begins", 18, {"MinSize": 2}),
        ("ends", 19, {"MinSize": 0, "MaxSize": 1, "DesiredCapacity": 1}),
    ):
        scaling.put_scheduled_update_group_action(
            **group,
            ScheduledActionName=name,
            Recurrence=f"0 {hour} * * *",
            TimeZone="Asia/Karachi",  # five hours ahead of UTC all year
            **sizes,
        )
    clocked.turn(noon + timedelta(minutes=59))
    assert fleet.serving("windows", 0) == []
    clocked.turn(noon + timedelta(hours=1))
    found = fleet.described("windows")
    assert (found["MinSize"], found["MaxSize"], found["DesiredCapacity"]) == (2, 4, 2)
    two = fleet.serving("windows", 2)
    clocked.turn(noon + timedelta(hours=2))
    assert set(fleet.serving("windows", 1)) < set(two)
    # Both at once, in the order of their times; and not at all while they are suspended.
    clocked.turn(noon + timedelta(days=1, hours=2))
    assert fleet.described("windows")["DesiredCapacity"] == 1
    scaling.suspend_processes(**group, ScalingProcesses=["ScheduledActions"])
    clocked.turn(noon + timedelta(days=2, hours=1))
    assert fleet.described("windows")["MinSize"] == 0
    fleet.empty("windows")


def test_scheduled_actions_begin_and_end_at_their_times(clocked: Clocked) -> None:
    fleet, noon = clocked.fleet, clocked.noon()
    scaling = fleet.client("autoscaling")
    fleet.template("actions")
    fleet.group("actions", DesiredCapacity=0, MaxSize=0)
    group = {"AutoScalingGroupName": "actions"}
    scaling.put_scheduled_update_group_action(
        **group, ScheduledActionName="once", StartTime=noon, MaxSize=5
    )
    scaling.put_scheduled_update_group_action(
        **group,
        ScheduledActionName="recurs",
        Recurrence="30 * * * *",
        StartTime=noon + timedelta(hours=1),
        EndTime=noon + timedelta(hours=3),
        MaxSize=7,
    )

    def known() -> set[str]:
        found = scaling.describe_scheduled_actions(**group)["ScheduledUpdateGroupActions"]
        return {each["ScheduledActionName"] for each in found}

    clocked.turn(noon)
    assert (fleet.described("actions")["MaxSize"], known()) == (5, {"recurs"})
    clocked.turn(noon + timedelta(minutes=40))
    assert fleet.described("actions")["MaxSize"] == 5
    for after in (timedelta(hours=1), timedelta(hours=1, minutes=30)):
        clocked.turn(noon + after)
        assert fleet.described("actions")["MaxSize"] == 7
        scaling.update_auto_scaling_group(**group, MaxSize=6)
    clocked.turn(noon + timedelta(hours=4))
    assert known() == set()
    fleet.empty("actions")


def test_scheduled_actions_are_checked(clocked: Clocked) -> None:
    fleet = clocked.fleet
    scaling = fleet.client("autoscaling")
    for name in ("checked", "other"):
        fleet.template(name)
        fleet.group(name, DesiredCapacity=0)
    action = {"ScheduledActionName": "a", "Recurrence": "0 6 * * *", "MinSize": 1}
    scaling.put_scheduled_update_group_action(AutoScalingGroupName="checked", **action)
    for change, why in (
        ({"AutoScalingGroupName": "none-such"}, "not found"),
        ({"MinSize": None}, "At least one"),
        ({"Recurrence": None}, "is required"),
        ({"Recurrence": "0 6 * *"}, "expected five fields"),
        ({"TimeZone": "Mars/Base"}, "expected a time zone"),
        ({"StartTime": datetime(2020, 1, 1, tzinfo=UTC)}, "in the past"),
        ({"ScheduledActionName": "b"}, "AlreadyExists"),
    ):
        wanted = {"AutoScalingGroupName": "checked", **action, **change}
        given = {name: value for name, value in wanted.items() if value is not None}
        with pytest.raises(ClientError, match=why):
            scaling.put_scheduled_update_group_action(**given)
    # Two groups may each have one of the same name.
    scaling.put_scheduled_update_group_action(AutoScalingGroupName="other", **action)
    for name in ("checked", "other"):
        group = {"AutoScalingGroupName": name}
        (found,) = scaling.describe_scheduled_actions(**group)["ScheduledUpdateGroupActions"]
        assert (found["AutoScalingGroupName"], found["MinSize"]) == (name, 1)
        scaling.delete_scheduled_action(**group, ScheduledActionName="a")
        with pytest.raises(ClientError, match="not found"):
            scaling.delete_scheduled_action(**group, ScheduledActionName="a")
