"""`ops stores` as a person runs it, against DynamoDB and S3 over HTTP."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.local.aws import local_environment
from tests.e2e.fleet import wait_for
from tests.faulty import Fault, Faulty
from tests.talk import without_waiting

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
FLEETS = itertools.count(1)


@dataclass
class Account:
    """A manifest of its own fleet, and the AWS it is applied to."""

    proxy: Faulty
    folder: Path
    name: str = field(default_factory=lambda: f"stores{next(FLEETS)}")

    def __post_init__(self) -> None:
        (self.folder / "fleet.toml").write_text(
            f'name = "{self.name}"\nregion = "{REGION}"\npayload_bucket = "{self.name}-big"\n'
            '[results]\nbackend = "dynamodb"\n[queues.mail]\ntasks = ["mail.*"]\n'
        )

    def command(self, *args: str) -> dict[str, Any]:
        env = {**local_environment(self.proxy.url), "PYTHONPATH": str(ROOT)}
        args = (sys.executable, "-m", "ops", "stores", *args)
        return {"args": args, "cwd": self.folder, "env": env, "text": True}

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(**self.command(*args), capture_output=True, timeout=60, check=False)
        assert "Traceback" not in ran.stderr
        return without_waiting(ran)

    def changes(self) -> list[tuple[str, str, str | None, str]]:
        ran = self.run("apply", "--json")
        data = json.loads(ran.stdout)
        assert data["applied"] is False
        assert ran.returncode == (3 if data["changes"] else 0)
        return [
            (c["store"].removeprefix(f"{self.name}-"), c["what"], c["from"], c["to"])
            for c in data["changes"]
        ]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.proxy.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@pytest.fixture
def account(aws: str, tmp_path: Path) -> Iterator[Account]:
    with Faulty(aws) as proxy:
        yield Account(proxy, tmp_path)


def test_a_plan_changes_nothing_and_says_how_to_apply_it(account: Account) -> None:
    ran = account.run("apply")
    assert ran.returncode == 3
    header, *rows = ran.stdout.splitlines()
    assert header.split() == ["store", "what", "why", "from", "to"]
    assert len(rows) == 13
    assert ran.stderr == "nothing was changed: run it again with --yes to apply this plan\n"
    shown = account.run("show")
    assert shown.returncode == 3
    assert [row.split()[-1] for row in shown.stdout.splitlines()[1:]] == ["absent"] * 5


def test_what_is_applied_is_there_and_applying_again_finds_nothing(account: Account) -> None:
    ran = account.run("apply", "--yes")
    assert (ran.returncode, ran.stderr) == (0, "13 steps done\n")
    again = account.run("apply", "--yes")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "the tables and buckets are as the manifest wants them\n"
    shown = json.loads(account.run("show", "--json").stdout)["stores"]
    assert [(row["kind"], row["for"], row["state"]) for row in shown] == [
        ("table", "effects that happen once", "as the manifest wants it"),
        ("table", "what waits in the delay queue", "as the manifest wants it"),
        ("table", "the nodes, and the scaling engine", "as the manifest wants it"),
        ("table", "results", "as the manifest wants it"),
        ("bucket", "large arguments", "as the manifest wants it"),
    ]
    once = account.client("dynamodb").describe_table(TableName=f"{account.name}-once")["Table"]
    assert once["DeletionProtectionEnabled"] is True
    assert once["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    s3 = account.client("s3")
    s3.put_object(Bucket=f"{account.name}-big", Key="payloads/x", Body=b"x")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=f"{account.name}-big")["Rules"]
    assert (rule["Filter"], rule["Expiration"]) == ({"Prefix": "payloads/"}, {"Days": 41})


def test_drift_is_shown_and_corrected_and_nothing_else_is_touched(account: Account) -> None:
    account.run("apply", "--yes")
    bucket = f"{account.name}-big"
    s3, dynamodb = account.client("s3"), account.client("dynamodb")
    s3.delete_public_access_block(Bucket=bucket)
    fleets = {"Key": "fleet:name", "Value": account.name}
    team = {"Key": "team", "Value": "a"}
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [team, fleets]})
    once = f"{account.name}-once"
    dynamodb.update_table(TableName=once, DeletionProtectionEnabled=False)
    drift = [
        ("once", "deletion protection", "off", "on"),
        ("big", "public access", None, "blocked"),
    ]
    assert account.changes() == drift
    assert account.run("apply", "--yes").returncode == 0
    assert account.changes() == []
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {"team": "a", "fleet:name": account.name}


def test_a_bucket_of_nobodys_is_taken_only_if_told_to(account: Account) -> None:
    account.run("apply", "--yes")
    bucket, s3 = f"{account.name}-big", account.client("s3")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    s3.delete_public_access_block(Bucket=bucket)
    nobodys = (
        f"{bucket}: expected tag fleet:name = {account.name}, got none: it may be anybody's: "
        "add --adopt to take it for this fleet, or name another\n"
    )
    planned = account.run("apply")
    assert planned.returncode == 3
    assert planned.stderr == (
        f"{nobodys}nothing was changed: run it again with --yes --adopt to apply this plan\n"
    )
    assert json.loads(account.run("apply", "--json").stdout)["left_out"] == [nobodys.strip()]
    before = account.proxy.count(method="PUT")
    refused = account.run("apply", "--yes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"{nobodys}nothing was changed\n"
    assert account.proxy.count(method="PUT") == before
    taken = account.run("apply", "--yes", "--adopt")
    assert (taken.returncode, taken.stderr) == (0, "2 steps done\n")
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {"team": "a", "fleet:name": account.name}
    assert account.changes() == []


def test_another_fleets_table_is_refused(account: Account) -> None:
    account.client("dynamodb").create_table(
        TableName=f"{account.name}-once",
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "fleet:name", "Value": "radio"}],
    )
    ran = account.run("apply", "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"{account.name}-once: expected tag fleet:name = {account.name}, got radio: it is another "
        "fleet's table: name another, or rename the fleet\n"
    )
    shown = account.run("show")
    assert shown.returncode == 3
    assert "expected tag fleet:name" in shown.stdout


def test_access_denied_is_not_taken_for_absent(account: Account) -> None:
    account.proxy.fail(Fault("error", action="DescribeTimeToLive", code="AccessDeniedException"))
    account.run("apply", "--yes")
    ran = account.run("apply")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"AWS: reading {account.name}-once: access denied: An injected ")
    assert ran.stderr.endswith(": allow dynamodb:DescribeTimeToLive for these credentials\n")


def test_a_bucket_of_another_account(account: Account) -> None:
    account.proxy.fail(Fault("status", method="HEAD", status=403))
    ran = account.run("apply", "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"{account.name}-big: expected a bucket of this account or none, got 403 from S3: name "
        "another (bucket names are worldwide), or allow s3:ListBucket for these credentials\n"
    )


def test_a_failure_says_what_was_done_and_the_next_run_goes_on(account: Account) -> None:
    lifecycle = Fault(
        "error", method="PUT", path=f"/{account.name}-big?lifecycle", code="AccessDenied"
    )
    account.proxy.fail(lifecycle)
    ran = account.run("apply", "--yes")
    assert ran.returncode == 1
    first, second = ran.stderr.splitlines()
    assert first.endswith("allow s3:PutLifecycleConfiguration for these credentials")
    assert second.startswith(
        f"done before that: {account.name}-once table, {account.name}-once TTL"
    )
    account.proxy.clear()
    assert [what for _, what, _, _ in account.changes()] == ["lifecycle"]


def test_ctrl_c_says_what_was_done(account: Account) -> None:
    account.proxy.fail(Fault("silent", action="UpdateTimeToLive"))
    command = account.command("apply", "--yes")
    with subprocess.Popen(**command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as ops:
        wait_for(lambda: account.proxy.count("UpdateTimeToLive"), "the second step")
        ops.send_signal(signal.SIGINT)
        _, talk = ops.communicate(timeout=30)
    assert ops.returncode == 130
    assert talk.splitlines() == [
        f"interrupted while setting {account.name}-once TTL, which may or may not have happened",
        f"done before that: {account.name}-once table: run it again for the rest",
    ]
