"""Schedules, results, metrics and the payload bucket in the manifest."""

import pickle
from pathlib import Path

import pytest

from worker.fleet import Fleet, ManifestError, load

BASE = """
name = "media"
region = "eu-west-1"
"""
QUEUE = """
[queues.mail]
tasks = ["mail.*"]
"""


def loaded(folder: Path, text: str) -> Fleet:
    file = folder / "fleet.toml"
    file.write_text(text)
    return load(file)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ManifestError) as raised:
        loaded(folder, text)
    return str(raised.value).replace(f"{folder}/", "")


def test_what_is_left_out(tmp_path: Path) -> None:
    fleet = loaded(tmp_path, BASE + QUEUE)
    assert (fleet.payload_bucket, fleet.results, dict(fleet.schedules)) == (None, None, {})
    assert (fleet.metrics.host, fleet.metrics.port) == ("127.0.0.1", 9464)
    assert fleet.delay_queue_name == "media-delayed"
    assert (fleet.once_table, fleet.waiting_table) == ("media-once", "media-waiting")


def test_everything_at_once_also_in_another_process(tmp_path: Path) -> None:
    fleet = loaded(
        tmp_path,
        BASE
        + 'payload_bucket = "media-payloads"\n'
        + '[results]\nbackend = "s3"\nbucket = "media-results"\nexpires = "2d"\n'
        + '[metrics]\nhost = "0.0.0.0"\nport = 0\n'
        + QUEUE
        + '[schedules.digest]\ncron = "30 6 * * MON-FRI"\ntimezone = "Europe/Berlin"\n'
        + 'task = "mail.digest"\nargs = ["daily", 3]\nkwargs = { deep = { most = 5 } }\n',
    )
    schedule = fleet.schedules["digest"]
    assert (schedule.name, schedule.args, schedule.enabled) == ("digest", ("daily", 3), True)
    assert schedule.kwargs == {"deep": {"most": 5}}
    assert pickle.loads(pickle.dumps(fleet)) == fleet


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[schedules.a]\ncron = "61 * * * *"\ntask = "mail.a"\n',
            "fleet.toml: schedules.a.cron: expected a cron expression (Bad minute), "
            'got "61 * * * *": correct it, such as "30 6 * * MON-FRI"',
        ),
        (
            '[schedules.a]\ncron = "* * * * * *"\ntask = "mail.a"\n',
            "fleet.toml: schedules.a.cron: expected five fields: minute, hour, day of month, "
            'month, day of week, got "* * * * * *": write them as cron does, such as '
            '"30 6 * * MON-FRI"',
        ),
        (
            '[schedules.a]\ncron = "* * * * *"\ntimezone = "../etc"\ntask = "mail.a"\n',
            "fleet.toml: schedules.a.timezone: expected a time zone of the IANA database such as "
            '"Europe/Berlin", got "../etc": write its name',
        ),
        (
            '[schedules.a]\ncron = "* * * * *"\ntask = "video.a"\n',
            "fleet.toml: schedules.a.task: expected a task that a queue's tasks match, got "
            '"video.a": correct it, or add it to a queue: tasks = ["video.a"]',
        ),
        (
            '[schedules.a]\ncron = "* * * * *"\ntask = "mail.a"\nargs = [2026-01-01]\n',
            "fleet.toml: schedules.a.args: expected texts, finite numbers, booleans, lists and "
            'tables, got ["2026-01-01"]: write dates and times as texts (arguments travel as JSON)',
        ),
        (
            '[schedules.a]\ntask = "mail.a"\ncorn = "* * * * *"\n',
            'fleet.toml: schedules.a.cron: expected a value, got none: add cron = "30 6 * * *"\n'
            "fleet.toml: schedules.a.corn: unknown key: did you mean cron?",
        ),
        (
            '[results]\nbackend = "s3"\n',
            'fleet.toml: results.bucket: expected a bucket with backend = "s3", got none: name one',
        ),
        (
            '[results]\nbackend = "redis"\n',
            'fleet.toml: results.backend: expected "dynamodb" or "s3", got "redis": '
            "choose one of them",
        ),
        (
            "[metrics]\nport = 70000\n",
            "fleet.toml: metrics.port: expected at most 65535, got 70000: lower it",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, line: str) -> None:
    assert refused(tmp_path, BASE + QUEUE + text) == line


def test_a_bucket_is_a_name(tmp_path: Path) -> None:
    assert refused(tmp_path, BASE + 'payload_bucket = "s3://Mine"\n' + QUEUE) == (
        "fleet.toml: payload_bucket: expected an S3 bucket: 3 to 63 lower-case letters, digits "
        'and -, got "s3://Mine": write the bucket\'s name alone'
    )
