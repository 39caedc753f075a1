"""`ops schedules show` as a person runs it, and the wrong usage of its verbs."""

import json
from pathlib import Path

import pytest

from tests.unit.test_cli_manifest import ops

TEXT = """
name = "media"
[queues.mail]
tasks = ["mail.*"]
"""
DIGEST = '[schedules.digest]\ncron = "30 2 * * MON"\ntimezone = "Europe/Berlin"\ntask = "mail.a"\n'
ODD = '[schedules.odd]\ncron = "0 0 13 * FRI"\ntask = "mail.b"\nenabled = false\n'
FULL = '[schedules.full]\ncron = "*/15 * * * *"\ntimezone = "Europe/Berlin"\ntask = "mail.c"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(TEXT + DIGEST + ODD + FULL)
    return tmp_path


def test_show(folder: Path) -> None:
    ran = ops("schedules", "show", "--next", "2", cwd=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    header, first, second, off, *rest = ran.stdout.splitlines()
    names = ["schedule", "when", "zone", "task", "queue", "next", "next", "in", "UTC"]
    assert header.split() == names
    assert first.startswith("digest    At 02:30 on Monday")
    *_, zone, task, queue, weekday, _, local, _, in_utc = first.split()
    assert (zone, task, queue) == ("Europe/Berlin", "mail.a", "mail")
    assert (weekday, local) == ("Mon", "02:30")
    assert in_utc in ("00:30", "01:30")
    assert second.split()[0] == "Mon"
    assert off.split()[-2:] == ["disabled", "-"]
    cautions = [line for line in rest if "caution" in line]
    assert any("shown twice, sent once (Europe/Berlin)" in line for line in cautions)
    assert any("skipped by the clock, not sent (Europe/Berlin)" in line for line in cautions)
    odd = "schedules.odd.cron: caution: not for EventBridge Scheduler: expected a day of month or"
    assert [line.startswith(odd) for line in cautions] == [True, False, False]


def test_show_as_json(folder: Path) -> None:
    data = json.loads(ops("schedules", "show", "--json", "--next", "3", cwd=folder).stdout)
    digest, odd, full = data["schedules"]
    assert (data["fleet"], digest["name"], digest["queue"]) == ("media", "digest", "mail")
    assert digest["eventbridge"] == "cron(30 2 ? * MON *)"
    assert [len(each["next"]) for each in (digest, odd, full)] == [3, 0, 3]
    assert digest["next"][0]["utc"].endswith(":30:00Z")
    assert digest["next"][0]["local"][10:16] == "T02:30"
    assert (odd["enabled"], odd["eventbridge"]) == (False, None)
    assert odd["problems"][0]["place"] == "schedules.odd.cron"
    assert digest["problems"] == []
    kinds = {change["skipped"]: change["times"] for change in full["clock_changes"]}
    assert [len(kinds[True]), len(kinds[False])] == [4, 4]


def test_show_without_schedules(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(TEXT)
    ran = ops("schedules", "show", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "fleet.toml: no schedules: add one as [schedules.NAME]\n"
    assert json.loads(ops("schedules", "show", "--json", cwd=tmp_path).stdout)["schedules"] == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("show", "--next", "0"), "0 is not in the range 1<=x<=100"),
        (("run", "--catch-up", "10"), "expected a duration"),
        (("run", "--catch-up", "2d"), "expected at most 1d"),
        (("apply",), "Missing option '--role-arn'"),
        (("apply", "--role-arn", "me"), "--role-arn: expected a role such as arn:aws:iam::"),
    ],
)
def test_wrong_usage_is_two(folder: Path, args: tuple[str, ...], words: str) -> None:
    ran = ops("schedules", *args, cwd=folder)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
