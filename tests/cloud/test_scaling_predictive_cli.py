"""`ops scaling predictive` as a person runs it, against Auto Scaling and DynamoDB over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ops.local.aws import local_environment
from ops.scaling.memories import packed
from ops.scaling.memory import Memory
from ops.scaling.predictive_aws import POLICY, Wanted
from tests.cloud.scaling_account import REGION, Account
from tests.faulty import Fault, Faulty

ROOT = Path(__file__).parents[2]


class Fleet:
    """A manifest whose queues ask for predictive scaling or do not, and its groups."""

    def __init__(self, aws: str, proxy: Faulty, folder: Path, **predict: str) -> None:
        self.folder, self.proxy = folder, proxy
        self.account = Account(aws, proxy, list(predict))
        self.account.create()
        self.write(**predict)

    def write(self, **predict: str) -> None:
        queues = (
            f'[queues.{queue}]\ntasks = ["{queue}.*"]\nscaling.predict = "{word}"\n'
            for queue, word in predict.items()
        )
        (self.folder / "fleet.toml").write_text(
            f'name = "{self.account.name}"\nregion = "{REGION}"\n{"".join(queues)}'
        )

    def remember(self, queue: str, seconds: float, count: int = 1000) -> None:
        memory = Memory()
        now = time.time()
        memory.durations.add((now + n, seconds) for n in range(count))
        registry = self.account.registry(counted=False)
        lease = registry.take("test", now, 60)
        assert lease is not None
        registry.remember(queue, packed(memory.to_text()), lease)

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "ops", "scaling", "predictive", *args],
            cwd=self.folder,
            env={**local_environment(self.proxy.url), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ran.stderr
        return ran

    def changes(self, *args: str) -> list[tuple[str, str, str | None, str | None]]:
        data = json.loads(self.run("--json", *args).stdout)
        return [(c["queue"], c["what"], c["from"], c["to"]) for c in data["changes"]]

    def policies(self, queue: str) -> Sequence[Any]:
        client = self.account.client("autoscaling")
        answer = client.describe_policies(AutoScalingGroupName=self.group(queue))
        found: Sequence[Any] = answer["ScalingPolicies"]
        return found

    def group(self, queue: str) -> str:
        return f"{self.account.name}-{queue}"


def test_it_is_planned_put_and_removed_with_the_manifest(
    aws: str, proxy: Faulty, tmp_path: Path
) -> None:
    fleet = Fleet(aws, proxy, tmp_path, mail="aws", video="auto")
    fleet.remember("mail", seconds=30.0)
    # One that somebody else made stays, whatever the manifest says.
    fleet.account.client("autoscaling").put_scaling_policy(
        AutoScalingGroupName=fleet.group("video"),
        PolicyName="by-hand",
        AdjustmentType="ChangeInCapacity",
        ScalingAdjustment=1,
    )

    ran = fleet.run()
    assert ran.returncode == 3
    header, *rows = ran.stdout.splitlines()
    assert header.split() == ["queue", "group", "what", "from", "to"]
    told = "ForecastAndScale, 8 messages a minute a node, 180 s ahead"
    assert [row.split()[0] for row in rows] == ["mail", "mail"]
    assert rows[-1].endswith(told)
    assert "run it again with --yes" in ran.stderr
    assert fleet.policies("mail") == []

    assert fleet.run("--yes").returncode == 0
    (policy,) = fleet.policies("mail")
    wanted = Wanted(fleet.group("mail"), fleet.group("mail"), 4, 30.0, 180.0)
    assert policy["PolicyName"] == POLICY
    assert policy["PredictiveScalingConfiguration"] == wanted.configuration()
    assert [each["PolicyName"] for each in fleet.policies("video")] == ["by-hand"]

    again = fleet.run()
    assert (again.returncode, again.stdout) == (0, "")
    assert "as the manifest wants them" in again.stderr

    fleet.write(mail="auto", video="auto")
    assert fleet.changes("--yes") == [("mail", "policy", told, None)]
    assert fleet.policies("mail") == []
    assert [each["PolicyName"] for each in fleet.policies("video")] == ["by-hand"]


def test_a_service_time_that_moves_a_little_is_no_change(
    aws: str, proxy: Faulty, tmp_path: Path
) -> None:
    fleet = Fleet(aws, proxy, tmp_path, mail="aws")
    fleet.remember("mail", seconds=30.0)
    assert fleet.run("--yes").returncode == 0
    fleet.remember("mail", seconds=31.5)
    assert fleet.changes() == []
    fleet.remember("mail", seconds=60.0)
    assert [change[1] for change in fleet.changes()] == ["policy"]


@pytest.mark.parametrize("seen", [None, 0, 19])
def test_nothing_is_made_up_where_no_service_time_was_measured(
    aws: str, proxy: Faulty, tmp_path: Path, seen: int | None
) -> None:
    fleet = Fleet(aws, proxy, tmp_path, mail="aws")
    fleet.remember("mail", seconds=30.0)
    assert fleet.run("--yes").returncode == 0
    (before,) = fleet.policies("mail")

    fleet.remember("mail", 5.0, seen or 0)
    if seen is None:
        key = {"fleet": {"S": fleet.account.name}, "item": {"S": "queue#mail"}}
        fleet.account.client("dynamodb").delete_item(TableName=fleet.account.table, Key=key)
    ran = fleet.run("--yes")
    assert ran.returncode == 3
    assert ran.stderr.splitlines()[0] == (
        f"mail: how long its tasks run is not known yet ({seen or 0} of the 20 tasks that say it "
        "were seen to end): let ops scaling run see some, and run this again"
    )
    # The policy that is there stays.
    assert fleet.policies("mail") == [before]
    said = json.loads(fleet.run("--json").stdout)
    assert (said["changes"], len(said["left_out"])) == ([], 1)


def test_a_queue_without_a_group_is_told_of_and_the_others_are_seen_to(
    aws: str, proxy: Faulty, tmp_path: Path
) -> None:
    fleet = Fleet(aws, proxy, tmp_path, mail="aws")
    fleet.remember("mail", seconds=30.0)
    fleet.write(mail="aws", video="aws", slow="auto")
    ran = fleet.run("--yes")
    assert ran.returncode == 3
    first, *rest = ran.stderr.splitlines()
    assert first.startswith("video: its group is not known: absent: no group has the tags")
    assert not any(line.startswith("slow") for line in rest)
    assert len(fleet.policies("mail")) == 1


def test_a_denied_call_ends_it_with_the_permission(aws: str, proxy: Faulty, tmp_path: Path) -> None:
    fleet = Fleet(aws, proxy, tmp_path, mail="aws")
    fleet.remember("mail", seconds=30.0)
    proxy.fail(Fault("error", action="PutScalingPolicy", code="AccessDenied"))
    ran = fleet.run("--yes")
    assert ran.returncode == 1
    assert "autoscaling:PutScalingPolicy" in ran.stderr
    assert fleet.policies("mail") == []
