"""`ops scaling policy` as a person runs it, and the wrong usage of `ops scaling pin`."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from ops.scaling.cautions import cautions
from ops.scaling.settings import Settings, Window
from tests.unit.test_cli_manifest import ops

TEXT = """\
# our fleet
name = "media"

[queues.video]  # hours of it
tasks = ["media.video.*"]
slo.start_within = "5m"

# always in force, but for half of the day that few years have
[[queues.video.scaling.windows]]
begins = "0 0 * * *"
ends = "30 12 29 2 *"
min = 2

[queues.mail]
tasks = ["mail.*"]
slo.start_within = "1m"
nodes = { min = 0, max = 8 }
scaling = { predict = "off", headroom = "off" }
"""


WHY = 'from "0 0 * * *" to "30 12 29 2 *" UTC: min 2'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(TEXT)
    return path


def test_list(file: Path) -> None:
    ran = ops("scaling", "policy", "list", cwd=file.parent)
    assert (ran.returncode, ran.stderr) == (0, "")
    queues, windows, rest = ran.stdout.split("\n\n")[0], ran.stdout.split("\n\n")[1], ran.stdout
    header, video, mail = queues.splitlines()
    names = ("nodes", "now", "policies", "promise", "in force", "next change")
    columns = [header.index(name) for name in names]
    assert all(video[column - 1] == " " != video[column] for column in columns)
    assert video.split()[:8] == ["video", "0", "to", "20", "2", "to", "20", "age"]
    assert WHY in video
    assert mail.split()[:2] == ["mail", "0"]
    assert [line.split()[:2] for line in windows.splitlines()[:2]] == [
        ["queue", "window"], ["video", "1"],
    ]  # fmt: skip
    assert "in force  ends " in windows
    assert rest.splitlines()[-1].startswith(
        "queues.mail.slo.start_within: caution: 60 s cannot be kept from no nodes: one boots in "
        "180 s (nodes.boot)"
    )


def test_list_as_json(file: Path) -> None:
    data = json.loads(ops("scaling", "policy", "list", "--json", cwd=file.parent).stdout)
    video, mail = data["queues"]
    assert (data["fleet"], video["queue"], mail["queue"]) == ("media", "video", "mail")
    assert video["policies"] == mail["policies"] == ["age"]
    assert video["now"] == {"min": 2, "max": 20, "why": WHY}
    (window,) = video["windows"]
    assert (window["number"], window["in_force"], window["min"]) == (1, True, 2)
    assert video["next_change"] == window["next_change"]
    assert video["next_change"].endswith("-02-29T12:30:00Z")
    assert (mail["start_within_seconds"], mail["max"], mail["headroom"]) == (60.0, 8, "off")
    assert [caution["key"] for caution in mail["cautions"]] == ["slo.start_within"]


def test_a_plan_changes_nothing_and_exits_three(file: Path) -> None:
    ran = ops("scaling", "policy", "set", "video", "max=40", "boot=2m", cwd=file.parent)
    assert ran.returncode == 3
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["queue", "key", "from", "to"],
        ["video", "nodes.max", "20", "(default)", "40"],
        ["video", "nodes.boot", "3m", "(default)", "2m"],
    ]
    assert "nothing was changed: run it again with --yes" in ran.stderr
    assert file.read_text() == TEXT


def test_with_yes_it_is_written_beside_every_comment(file: Path) -> None:
    run = ("scaling", "policy", "set", "mail", "nodes.max=40", "headroom=2", "runtime=ecs")
    ran = ops(*run, "--yes", "--json", cwd=file.parent)
    assert ran.returncode == 0
    data = json.loads(ran.stdout)
    assert (data["fleet"], data["applied"]) == ("media", True)
    assert data["changes"] == [
        {"queue": "mail", "key": "runtime", "from": "ec2 (default)", "to": "ecs"},
        {"queue": "mail", "key": "nodes.max", "from": "8", "to": "40"},
        {"queue": "mail", "key": "scaling.headroom", "from": "off", "to": "2"},
    ]
    assert file.read_text() == (
        TEXT.replace("max = 8", "max = 40")
        .replace('headroom = "off" }\n', 'headroom = 2 }\nruntime = "ecs"\n')
    )  # fmt: skip
    again = ops(*run, "--yes", cwd=file.parent)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "fleet.toml: queues.mail says so already\n"


def test_a_price_is_told_before_it_is_paid(file: Path) -> None:
    ran = ops("scaling", "policy", "set", "mail", "min=8", cwd=file.parent)
    assert "queues.mail.nodes.min: caution: it is nodes.max (8)" in ran.stderr


def test_a_window_is_added_and_removed(file: Path) -> None:
    cron = ("--begins", "0 8 * * 1-5", "--ends", "0 18 * * 1-5", "--timezone", "America/New_York")
    add = ("scaling", "policy", "schedule", "video", *cron, "--min", "4", "--desired", "6")
    assert ops(*add, cwd=file.parent).returncode == 3
    assert file.read_text() == TEXT
    ran = ops(*add, "--yes", cwd=file.parent)
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[1].split(maxsplit=3) == [
        "video", "scaling.windows", "-", "MON-FRI 08:00-18:00 America/New_York: min 4, desired 6",
    ]  # fmt: skip
    window = (
        '\n[[queues.video.scaling.windows]]\nbegins = "0 8 * * 1-5"\nends = "0 18 * * 1-5"\n'
        'timezone = "America/New_York"\nmin = 4\ndesired = 6\n'
    )
    added = TEXT.replace("min = 2\n", f"min = 2\n{window}")
    assert file.read_text() == added
    again = ops(*add, "--yes", cwd=file.parent)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "fleet.toml: queues.video says so already\n"
    assert file.read_text() == added
    # One that was written twice by hand is a change all the same as it goes.
    file.write_text(added.replace(window, window + window))
    twice = ops("scaling", "policy", "schedule", "video", "--remove", "3", cwd=file.parent)
    assert len(twice.stdout.splitlines()) == 2
    file.write_text(added)
    remove = ("scaling", "policy", "schedule", "video", "--yes", "--remove")
    assert ops(*remove, "2", cwd=file.parent).returncode == 0
    assert file.read_text() == TEXT
    assert ops(*remove, "1", cwd=file.parent).returncode == 0
    assert "always in force" not in file.read_text()
    ran = ops(*remove, "1", cwd=file.parent)
    assert (ran.returncode, ran.stderr) == (
        2,
        "--remove: expected one of the 0 windows of video, got 1: "
        "ops scaling policy list numbers them\n",
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("set", "vidoe", "max=3"), "got vidoe: did you mean video?"),
        (("set", "video"), "Missing argument 'KEY=VALUE...'"),
        (("set", "video", "max"), "max: expected KEY=VALUE"),
        (("set", "video", "max=3", "nodes.max=4"), "nodes.max: expected one value, got several"),
        (("set", "video", "leese=1"), "leese: expected a key of a queue's scaling"),
        (
            ("set", "video", "min=21"),
            "fleet.toml: queues.video.nodes.min: expected at most nodes.max (20), got 21",
        ),
        (
            ("set", "video", "start_within=", "policies=age"),
            'queues.video.scaling.policies: expected slo.start_within with "age"',
        ),
        (("schedule", "video", "--begins", "0 8 * * *"), "expected --begins and --ends"),
        (("schedule", "video", "--remove", "1", "--min", "2"), "--remove: expected no other"),
        (
            ("schedule", "video", "--begins", "0 8 * * *", "--ends", "0 18 * *", "--min", "1"),
            "queues.video.scaling.windows[1].ends: expected five fields",
        ),
        (
            ("schedule", "video", "--begins", "0 8 * * *", "--ends", "0 18 * * *"),
            "queues.video.scaling.windows[1]: expected min, max or desired, got none",
        ),
    ],
)
def test_wrong_usage_is_two_and_writes_nothing(
    file: Path, args: tuple[str, ...], words: str
) -> None:
    ran = ops(
        "scaling", "policy", *args, *(() if "--remove" in args else ("--yes",)), cwd=file.parent
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("pin", "mail", "9"), "queues.mail: expected 0 to 8 nodes, got 9: raise nodes.max"),
        (("pin", "mail", "-1"), "No such option"),
        (("pin", "mial", "1"), "did you mean mail?"),
        (("unpin", "mial"), "did you mean mail?"),
        (("pin", "mail", "1", "--for", "2"), "expected a duration"),
        (("pin", "mail", "1", "--for", "31d"), "expected at most 30d: write the number into"),
        (("pin", "mail", "1", "--for", "10s"), "expected at least 1m"),
    ],
)
def test_a_wrong_pin_is_two_and_asks_no_one(file: Path, args: tuple[str, ...], words: str) -> None:
    # An address that answers nothing: whoever asked it would fail otherwise.
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-west-1"}
    ran = ops("scaling", *args, cwd=file.parent, env=env)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr


NOW = datetime.fromisoformat("2027-06-02T16:00Z").timestamp()


def keys_of(settings: Settings) -> list[str]:
    return [caution.key for caution in cautions(settings, NOW)]


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        (Settings("q", 4), []),
        (Settings("q", 4, start_within_seconds=60.0), []),
        (Settings("q", 4, start_within_seconds=60.0, predict="off"), []),
        (Settings("q", 4, start_within_seconds=60.0, headroom="off"), []),
        (
            Settings("q", 4, start_within_seconds=60.0, predict="off", headroom=0),
            ["slo.start_within"],
        ),
        (Settings("q", 4, 1, start_within_seconds=60.0, predict="off", headroom=0), []),
        (Settings("q", 4, start_within_seconds=180.0, predict="off", headroom="off"), []),
        (Settings("q", 4, minimum=3, maximum=3), ["nodes.min"]),
    ],
)
def test_cautions(settings: Settings, keys: list[str]) -> None:
    assert keys_of(settings) == keys


def test_windows_that_forbid_what_others_ask_for_are_named_once() -> None:
    night = Window("0 22 * * *", "0 6 * * *", "UTC", maximum=3)
    sunday = Window("0 4 * * SUN", "0 9 * * SUN", "UTC", minimum=5)
    monday = Window("0 6 * * MON", "0 9 * * MON", "UTC", minimum=5)
    (caution,) = cautions(Settings("q", 4, windows=(night, sunday, monday)), NOW)
    assert caution.key == "scaling.windows[1]"
    assert caution.text.startswith(
        "window 2 asks for 5 nodes while window 1 allows 3: the maximum wins"
    )
