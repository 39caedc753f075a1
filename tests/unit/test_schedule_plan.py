"""From what is on EventBridge Scheduler to what must change: pure, over tables of snapshots."""

from collections.abc import Mapping
from typing import Any

import pytest

from ops.errors import OpsError
from ops.schedules.plan import Found, Kind, Plan, plan
from ops.schedules.wanted import checked, queue_names, wanted
from worker.fleet import Fleet

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/media-schedules"
FLEET = Fleet.model_validate(
    {
        "name": "media",
        "queues": {"mail": {"tasks": ["mail.*"]}, "video": {"tasks": ["video.*"]}},
        "schedules": {
            "digest": {"cron": "30 6 * * MON-FRI", "task": "mail.digest", "args": ["secret"]},
            "sweep": {"cron": "0 * * * *", "task": "mail.sweep", "enabled": False},
        },
    }
)
ARNS = {name: f"{ARN}{name}" for name in queue_names(FLEET)}
WANTED = wanted(FLEET, ARNS, ROLE)
TAGS = {"fleet:name": "media"}


def as_wanted() -> dict[str, dict[str, Any]]:
    """The group exactly as the manifest wants it, with what EventBridge says beside it."""
    told = {"Arn": "arn:...", "CreationDate": 1, "LastModificationDate": 2}
    more = {"ActionAfterCompletion": "NONE"}
    return {want["Name"]: {**want, **told, **more} for want in WANTED}


def planned(schedules: Mapping[str, Mapping[str, Any]]) -> Plan:
    return plan("media", "media", WANTED, Found(TAGS, schedules))


def lines(of: Plan) -> list[tuple[str, str, str | None, str | None]]:
    return [(c.schedule, c.what, c.before, c.after) for c in of.changes]


def test_only_queues_with_schedules_are_asked_for() -> None:
    assert queue_names(FLEET) == ("media-mail", "media-mail-dlq")


def test_nothing_to_do_when_all_is_as_wanted() -> None:
    assert planned(as_wanted()) == Plan(())


def test_all_is_created_in_a_group_of_the_fleets_own() -> None:
    made = plan("media", "media", WANTED, None)
    assert [(step.kind, step.name) for step in made.steps] == [
        (Kind.GROUP, "media"),
        (Kind.CREATE, "digest"),
        (Kind.CREATE, "sweep"),
    ]
    assert lines(made) == [
        ("media", "group", None, "tag fleet:name = media"),
        ("digest", "schedule", None, "cron(30 6 ? * MON-FRI *) UTC to media-mail"),
        ("sweep", "schedule", None, "cron(0 * * * ? *) UTC to media-mail, disabled"),
    ]
    assert made.steps[0].tags == TAGS
    assert made.steps[1].definition == WANTED[0]


def test_a_fleet_without_schedules_wants_no_group() -> None:
    assert plan("media", "media", (), None) == Plan(())


def test_what_differs_is_updated_whole() -> None:
    state = as_wanted()
    state["digest"] |= {"State": "DISABLED", "EndDate": "2027-01-01", "KmsKeyArn": "arn:key"}
    state["digest"]["Target"] = {
        **state["digest"]["Target"],
        "Arn": f"{ARN}media-video",
        "Input": "{}",
        "SqsParameters": {"MessageGroupId": "x"},
    }
    (step,) = planned(state).steps
    input_bytes = len(WANTED[0]["Target"]["Input"])
    found = lines(planned(state))
    assert found[:2] == [
        ("digest", "State", "DISABLED", "ENABLED"),
        ("digest", "Target.Arn", f"{ARN}media-video", f"{ARN}media-mail"),
    ]
    assert found[2][:3] == ("digest", "Target.Input", "2 bytes, sha256 44136fa3")
    assert str(found[2][3]).startswith(f"{input_bytes} bytes, sha256 ")
    assert found[3:] == [
        ("digest", "Target.SqsParameters.MessageGroupId", "x", None),
        ("digest", "EndDate", "2027-01-01", None),
    ]
    assert "secret" not in str(found)
    # An update resets what it leaves out: the account's key is not ours to take away.
    assert (step.kind, step.definition) == (Kind.UPDATE, {**WANTED[0], "KmsKeyArn": "arn:key"})


def test_what_the_manifest_no_longer_names_is_deleted() -> None:
    state = as_wanted()
    state["old"] = {**state["sweep"], "Name": "old"}
    (step,) = planned(state).steps
    assert (step.kind, step.name) == (Kind.DELETE, "old")
    assert lines(planned(state)) == [
        ("old", "schedule", "cron(0 * * * ? *) UTC to media-mail, disabled", None)
    ]


@pytest.mark.parametrize(("tags", "owner"), [({}, "none"), ({"fleet:name": "radio"}, "radio")])
def test_a_group_that_is_not_the_fleets_is_refused(tags: dict[str, str], owner: str) -> None:
    refused = plan("media", "media", WANTED, Found(tags, {"theirs": as_wanted()["sweep"]}))
    assert refused.steps == ()
    assert refused.refusal == (
        f"schedule group media: expected tag fleet:name = media, got {owner}: it is not this "
        "fleet's: rename the fleet, or tag the group if all in it may be replaced"
    )


def test_a_queue_that_is_missing_is_named() -> None:
    with pytest.raises(OpsError, match="media-mail-dlq: expected on SQS, got none") as raised:
        wanted(FLEET, {**ARNS, "media-mail-dlq": None}, ROLE)
    assert raised.value.code == 1


@pytest.mark.parametrize(
    "role",
    ["", "media-schedules", ROLE + "\n", "arn:aws:iam::123456789012:user/me", ROLE[:-15] + " "],
)
def test_a_role_is_an_arn(role: str) -> None:
    with pytest.raises(OpsError, match="--role-arn: expected a role such as") as raised:
        checked(FLEET, role)
    assert raised.value.code == 2
    checked(FLEET, ROLE)
    checked(FLEET, "arn:aws-cn:iam::123456789012:role/a/path/name")
