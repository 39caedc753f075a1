"""`ops schedules apply` as a person runs it, against EventBridge Scheduler over HTTP (moto's)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cloud.queues_account import KEYS, REGION, ROOT, moto_server
from tests.talk import without_waiting

ROLE = "arn:aws:iam::123456789012:role/media-schedules"
FLEETS = count(1)

DIGEST = (
    '[schedules.digest]\ncron = "30 6 * * MON-FRI"\ntimezone = "Europe/Berlin"\n'
    'task = "mail.digest"\nargs = ["a secret"]\n'
)
SWEEP = '[schedules.sweep]\ncron = "*/10 * * * *"\ntask = "mail.sweep"\n'


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@dataclass
class Account:
    """A fleet of its own on a shared local AWS."""

    url: str
    folder: Path
    name: str = field(default_factory=lambda: f"timed{next(FLEETS)}")

    def write(self, schedules: str) -> None:
        (self.folder / "fleet.toml").write_text(
            f'name = "{self.name}"\nregion = "{REGION}"\n'
            f'[queues.mail]\ntasks = ["mail.*"]\n[queues.video]\ntasks = ["video.*"]\n{schedules}'
        )

    def ops(self, *args: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "ops", *args],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return without_waiting(ran)

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FLEET_"))}
        return {
            **kept,
            **KEYS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(ROOT),
        }

    def apply(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.ops("schedules", "apply", "--role-arn", ROLE, *args)

    def changes(self) -> list[tuple[str, str]]:
        ran = self.apply("--json")
        data = json.loads(ran.stdout)
        assert ran.returncode == (3 if data["changes"] else 0)
        return [(c["schedule"], c["what"]) for c in data["changes"]]

    @property
    def client(self) -> Any:
        return boto3.client(
            "scheduler",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def schedules(self) -> dict[str, dict[str, Any]]:
        found = self.client.list_schedules(GroupName=self.name)["Schedules"]
        return {s["Name"]: self.client.get_schedule(**self._named(s["Name"])) for s in found}

    def alter(self, name: str, **keys: Any) -> None:
        """Change a schedule by hand."""
        state = self.client.get_schedule(**self._named(name))
        taken = ("ScheduleExpression", "FlexibleTimeWindow", "Target", "State")
        kept = {key: state[key] for key in taken}
        self.client.update_schedule(**{**self._named(name), **kept, **keys})

    def _named(self, name: str) -> dict[str, str]:
        return {"GroupName": self.name, "Name": name}


@pytest.fixture
def account(moto: str, tmp_path: Path) -> Account:
    account = Account(moto, tmp_path)
    account.write(DIGEST + SWEEP)
    assert account.ops("queues", "apply", "--yes").returncode == 0
    return account


def test_a_plan_changes_nothing_and_says_how_to_apply_it(account: Account) -> None:
    ran = account.apply()
    assert ran.returncode == 3
    header, *rows = ran.stdout.splitlines()
    assert header.split() == ["schedule", "what", "from", "to"]
    assert [row.split()[:2] for row in rows] == [
        [account.name, "group"],
        ["digest", "schedule"],
        ["sweep", "schedule"],
    ]
    assert "secret" not in ran.stdout
    assert ran.stderr == "nothing was changed: run it again with --yes to apply this plan\n"
    groups = account.client.list_schedule_groups(NamePrefix=account.name)["ScheduleGroups"]
    assert groups == []


def test_apply_makes_the_schedules_and_a_second_one_changes_nothing(account: Account) -> None:
    ran = account.apply("--yes")
    assert ran.returncode == 0, ran.stderr
    made = account.schedules()
    assert made.keys() == {"digest", "sweep"}
    digest = made["digest"]
    assert digest["ScheduleExpression"] == "cron(30 6 ? * MON-FRI *)"
    assert digest["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert digest["Target"]["RoleArn"] == ROLE
    assert digest["Target"]["Arn"] == f"arn:aws:sqs:{REGION}:123456789012:{account.name}-mail"
    assert digest["Target"]["DeadLetterConfig"]["Arn"].endswith(f":{account.name}-mail-dlq")
    assert json.loads(digest["Target"]["Input"])["headers"]["task"] == "mail.digest"
    arn = account.client.get_schedule_group(Name=account.name)["Arn"]
    tags = account.client.list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "fleet:name", "Value": account.name}]
    again = account.apply("--yes")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "the schedules on EventBridge Scheduler are as the manifest wants them\n"
    assert account.schedules()["digest"]["LastModificationDate"] == digest["LastModificationDate"]


def test_drift_is_corrected_and_other_groups_are_left_alone(account: Account) -> None:
    account.apply("--yes")
    client = account.client
    other = f"{account.name}-other"
    client.create_schedule_group(Name=other)
    theirs = {
        "Name": "digest",
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:sqs:::theirs", "RoleArn": ROLE, "Input": "theirs"},
    }
    for group in (other, "default"):
        client.create_schedule(**theirs, GroupName=group)
    client.create_schedule(**{**theirs, "Name": "by-hand"}, GroupName=account.name)
    account.alter("digest", State="DISABLED", ScheduleExpressionTimezone="Europe/Berlin")
    account.write(DIGEST)
    assert sorted(account.changes()) == [
        ("by-hand", "schedule"),
        ("digest", "Description"),
        ("digest", "State"),
        ("sweep", "schedule"),
    ]
    assert account.apply("--yes").returncode == 0
    assert account.changes() == []
    assert account.schedules().keys() == {"digest"}
    assert account.schedules()["digest"]["State"] == "ENABLED"
    for group in (other, "default"):
        left = client.get_schedule(GroupName=group, Name="digest")
        assert left["Target"]["Input"] == "theirs"
        client.delete_schedule(GroupName=group, Name="digest")


def test_a_group_of_somebody_elses_is_refused(account: Account) -> None:
    account.client.create_schedule_group(Name=account.name)
    for args in ((), ("--yes", "--json")):
        ran = account.apply(*args)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert f"expected tag fleet:name = {account.name}, got none" in ran.stderr
    assert account.schedules() == {}


def test_queues_come_first(moto: str, tmp_path: Path) -> None:
    account = Account(moto, tmp_path)
    account.write(DIGEST)
    ran = account.apply("--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"{account.name}-mail, {account.name}-mail-dlq: expected on SQS, got none: create them: "
        "ops queues apply --yes\n"
    )


def test_what_eventbridge_cannot_take_is_said_before_aws_is_asked(account: Account) -> None:
    account.url = "http://127.0.0.1:9"
    account.write(DIGEST.replace("30 6 * * MON-FRI", "30 6 13 * FRI"))
    ran = account.apply("--yes")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("fleet.toml: schedules.digest.cron: expected a day of month or")
    account.write("")
    ran = account.apply("--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"AWS: reading schedule group {account.name}: ")


def test_ctrl_c_says_how_far_it_came(account: Account) -> None:
    """Stopped while a server that never answers is asked."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        account.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-m", "ops", "schedules", "apply", "--role-arn", ROLE, "--yes"],
            cwd=account.folder,
            env=account.env,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == 130
            assert process.stderr is not None
            assert "nothing was changed" in process.stderr.read()
