"""`ops queues apply` as a person runs it, against a real SQS over HTTP (moto's server)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.queues_account import REGION, Account, moto_server


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def account(moto: str, tmp_path: Path) -> Account:
    return Account(moto, tmp_path)


def test_a_plan_changes_nothing_and_says_how_to_apply_it(account: Account) -> None:
    ran = account.apply()
    assert ran.returncode == 3
    assert "\x1b" not in ran.stdout
    header, *rows = ran.stdout.splitlines()
    assert header.split() == ["queue", "what", "why", "from", "to"]
    assert [row.split()[:2] for row in rows] == [
        [f"{account.name}-mail-dlq", "queue"],
        [f"{account.name}-video-dlq", "queue"],
        [f"{account.name}-mail", "queue"],
        [f"{account.name}-video", "queue"],
        [f"{account.name}-delayed-dlq", "queue"],
        [f"{account.name}-delayed", "queue"],
        [f"{account.name}-mail-dlq", "RedriveAllowPolicy"],
        [f"{account.name}-video-dlq", "RedriveAllowPolicy"],
    ]
    assert ran.stderr == "nothing was changed: run it again with --yes to apply this plan\n"
    assert account.names() == []


def test_apply_makes_the_queues_as_the_manifest_wants_them(account: Account) -> None:
    ran = account.apply("--yes")
    assert ran.returncode == 0, ran.stderr
    assert account.names() == ["delayed", "delayed-dlq", "mail", "mail-dlq", "video", "video-dlq"]
    _, source, tags = account.queue("mail")
    _, dead, dead_tags = account.queue("mail-dlq")
    assert source["VisibilityTimeout"] == "90"
    assert source["ReceiveMessageWaitTimeSeconds"] == "20"
    assert source["MessageRetentionPeriod"] == "345600"
    assert source["MaximumMessageSize"] == "1048576"
    assert source["SqsManagedSseEnabled"] == "true"
    assert json.loads(source["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead["QueueArn"],
        "maxReceiveCount": 5,
    }
    assert tags == {"fleet:name": account.name, "fleet:queue": "mail"}
    assert dead["MessageRetentionPeriod"] == "1209600"
    assert dead["SqsManagedSseEnabled"] == "true"
    assert json.loads(dead["RedriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [source["QueueArn"]],
    }
    assert dead_tags == {**tags, "fleet:role": "dead-letter"}
    assert account.queue("video")[1]["MessageRetentionPeriod"] == "172800"
    _, delayed, delayed_tags = account.queue("delayed")
    assert delayed["MessageRetentionPeriod"] == "1209600"
    assert delayed["SqsManagedSseEnabled"] == "true"
    assert "RedrivePolicy" not in delayed
    assert delayed_tags == {"fleet:name": account.name, "fleet:role": "delay"}


def test_a_second_apply_changes_nothing(account: Account) -> None:
    account.apply("--yes")
    before = [account.queue(name) for name in account.names()]
    ran = account.apply("--yes")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "the queues on SQS are as the manifest wants them\n"
    assert account.changes() == []
    assert [account.queue(name) for name in account.names()] == before


def test_drift_is_shown_and_corrected_and_nothing_else_is_touched(account: Account) -> None:
    account.apply("--yes")
    sqs = account.client()
    url, _, _ = account.queue("mail")
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "30", "DelaySeconds": "7"}
    )
    sqs.untag_queue(QueueUrl=url, TagKeys=["fleet:queue"])
    sqs.tag_queue(QueueUrl=url, Tags={"cost-centre": "7"})
    sqs.delete_queue(QueueUrl=account.queue("video-dlq")[0])
    account.write(f'region = "{REGION}"', lease="2m", max_receives="6")
    drift = [
        (
            "video-dlq",
            "queue",
            None,
            "MaximumMessageSize 1048576, MessageRetentionPeriod 14d, SqsManagedSseEnabled true",
        ),
        ("mail", "VisibilityTimeout", "30s", "2m"),
        (
            "mail",
            "RedrivePolicy",
            f"to {account.name}-mail-dlq after 5 receives",
            f"to {account.name}-mail-dlq after 6 receives",
        ),
        ("mail", "tag fleet:queue", None, "mail"),
        ("video-dlq", "RedriveAllowPolicy", None, f"from {account.name}-video"),
    ]
    assert account.changes() == drift
    assert account.apply("--yes").returncode == 0
    assert account.changes() == []
    _, attributes, tags = account.queue("mail")
    assert (attributes["VisibilityTimeout"], attributes["DelaySeconds"]) == ("120", "7")
    assert tags == {"fleet:name": account.name, "fleet:queue": "mail", "cost-centre": "7"}


def test_another_fleets_queue_is_refused(account: Account) -> None:
    sqs = account.client()
    sqs.create_queue(QueueName=f"{account.name}-video", tags={"fleet:name": "radio"})
    for args in ((), ("--yes", "--json")):
        ran = account.apply(*args)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr == (
            f"{account.name}-video: expected tag fleet:name = {account.name}, got radio: it is "
            "another fleet's queue: rename the fleet or the queue in the manifest\n"
        )
    assert account.names() == ["video"]
