"""Nodes, policies and windows of the manifest: what they default to, and what is refused."""

import json
import pickle
import tomllib
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from ops.manifest.schema import manifest_schema
from ops.scaling.settings import Settings, Window, settings_of
from tests.unit.test_manifest_errors import HEAD, MAIL, lines_of
from worker.fleet import Fleet, Queue, load, loads

WINDOW = 'begins = "0 8 * * MON-FRI"\nends = "0 18 * * MON-FRI"\n'
WINDOWS = "[[queues.mail.scaling.windows]]\n" + WINDOW

WHOLE = f"""
name = "media"
[defaults]
nodes.boot = "2m"
scaling.step_up = 7
scaling.cool_down = "30s"
[queues.mail]
tasks = ["mail.*"]
concurrency = 6
runtime = "ecs"
slo.start_within = "5m"
nodes.min = 1
nodes.max = 40
[queues.mail.scaling]
policies = ["depth", "age"]
predict = "off"
headroom = 3
step_down = 9
[[queues.mail.scaling.windows]]
{WINDOW}timezone = "America/New_York"
min = 4
max = 30
desired = 6
"""


def a_fleet(text: str) -> Fleet:
    return loads(text, Path("fleet.toml"))


def a_queue(**keys: object) -> Queue:
    return Queue.model_validate({"name": "mail", "tasks": ["mail.*"], **keys})


def test_all_keys_become_settings_with_seconds_and_nodes() -> None:
    assert settings_of(a_fleet(WHOLE).queue("mail")) == Settings(
        queue="mail",
        slots=6,
        minimum=1,
        maximum=40,
        boot_seconds=120.0,
        warm_boot_seconds=45.0,
        start_within_seconds=300.0,
        policies=frozenset({"depth", "age"}),
        predict="off",
        headroom=3,
        windows=(Window("0 8 * * MON-FRI", "0 18 * * MON-FRI", "America/New_York", 4, 30, 6),),
        step_up=7,
        step_down=9,
        cool_down_seconds=30.0,
        runtime="ecs",
    )


def test_the_defaults() -> None:
    assert settings_of(a_queue()) == Settings(
        queue="mail",
        slots=4,
        minimum=0,
        maximum=20,
        boot_seconds=180.0,
        warm_boot_seconds=45.0,
        policies=frozenset({"depth"}),
        predict="auto",
        headroom="auto",
        step_up=100,
        step_down=50,
        cool_down_seconds=0.0,
        runtime="ec2",
    )


@pytest.mark.parametrize(
    ("keys", "policies", "is_set"),
    [
        ({}, ("depth",), False),
        ({"slo": {"start_within": "5m"}}, ("age",), False),
        ({"slo": {"start_within": "5m"}, "scaling": {"predict": "off"}}, ("age",), False),
        ({"slo": {"start_within": "5m"}, "scaling": {"policies": ["depth"]}}, ("depth",), True),
    ],
)
def test_a_promise_asks_for_the_policy_that_keeps_it(
    keys: dict[str, object], policies: tuple[str, ...], is_set: bool
) -> None:
    queue = a_queue(**keys)
    assert queue.scaling.policies == policies
    assert ("policies" in queue.scaling.model_fields_set) is is_set


def test_a_short_boot_is_no_longer_than_a_warm_one() -> None:
    assert a_queue(nodes={"boot": "30s"}).nodes.warm_boot == timedelta(seconds=30)
    assert a_queue(nodes={"boot": "10m"}).nodes.warm_boot == timedelta(seconds=45)


def test_a_queue_inherits_nodes_and_scaling_key_by_key_and_windows_as_a_whole() -> None:
    fleet = a_fleet(
        'name = "m"\n[defaults]\nnodes.min = 2\nnodes.boot = "1m"\n'
        f"[[defaults.scaling.windows]]\n{WINDOW}min = 3\n"
        '[queues.a]\ntasks = ["a"]\nnodes.max = 9\nscaling.predict = "off"\n'
        f'[queues.b]\ntasks = ["b"]\nscaling.windows = []\n'
    )
    a, b = fleet.queue("a"), fleet.queue("b")
    assert (a.nodes.min, a.nodes.max, a.nodes.boot) == (2, 9, timedelta(minutes=1))
    assert (a.scaling.predict, [window.min for window in a.scaling.windows]) == ("off", [3])
    assert b.scaling.windows == ()


def test_it_travels_to_another_process() -> None:
    fleet = a_fleet(WHOLE)
    assert pickle.loads(pickle.dumps(fleet)) == fleet


KEYS = [
    ("nodes = 3", "nodes: expected a table, got 3: write its keys as in slo.start_within"),
    ("nodes.min = -1", "nodes.min: expected at least 0, got -1: raise it"),
    ("nodes.max = 0", "nodes.max: expected at least 1, got 0: raise it"),
    ("nodes.max = 5001", "nodes.max: expected at most 5000, got 5001: lower it"),
    (
        "nodes.min = true",
        "nodes.min: expected a whole number, got true: write it in digits, without quotes",
    ),
    (
        "nodes.boot = 180",
        'nodes.boot: expected a duration with its unit, got 180: add one, such as "180s"',
    ),
    ('nodes.boot = "2h"', "nodes.boot: expected at most 1h, got 2h: shorten it"),
    ("nodes.minimum = 3", "nodes.minimum: unknown key: did you mean min?"),
    ('runtime = "eks"', 'runtime: expected "ec2" or "ecs", got "eks": did you mean ecs?'),
    ("scaling.min = 3", "scaling.min: not a key of scaling: write it as nodes.min"),
    ("scaling.polices = []", "scaling.polices: unknown key: did you mean policies?"),
    (
        "scaling.policies = []",
        'scaling.policies: expected at least one of "depth" and "age", got []: remove it; for a '
        "fixed number of nodes set nodes.min and nodes.max to it",
    ),
    (
        'scaling.policies = ["depth", "cpu"]',
        'scaling.policies[1]: expected "depth" or "age", got "cpu": choose one of them',
    ),
    (
        'scaling.policies = "age"',
        'scaling.policies: expected a list, got "age": put it in brackets',
    ),
    (
        'scaling.predict = "on"',
        'scaling.predict: expected "auto", "off" or "aws", got "on": choose one of them',
    ),
    *(
        (
            f"scaling.headroom = {value}",
            'scaling.headroom: expected "auto", "off" or a number of nodes from 0 to 5000, '
            f"got {value}: choose one of them",
        )
        for value in ("true", "-1", "5001", "1.5", '"some"')
    ),
    ("scaling.step_up = 0", "scaling.step_up: expected at least 1, got 0: raise it"),
    ("scaling.step_down = 0", "scaling.step_down: expected at least 1, got 0: raise it"),
    ('scaling.cool_down = "2h"', "scaling.cool_down: expected at most 1h, got 2h: shorten it"),
    (
        f"scaling.windows = [{', '.join(['{}'] * 51)}]",
        "scaling.windows: expected at most 50 windows, got 51: remove some",
    ),
]


@pytest.mark.parametrize(("line", "expected"), KEYS)
def test_a_wrong_key(line: str, expected: str, tmp_path: Path) -> None:
    assert lines_of(HEAD + MAIL + line, tmp_path) == [f"queues.mail.{expected}"]


def test_what_is_a_queues_is_not_the_fleets(tmp_path: Path) -> None:
    assert lines_of("nodes.min = 1\n" + HEAD + MAIL, tmp_path) == [
        "nodes: not a key of the fleet: write it below [defaults] or [queues.<name>] as nodes"
    ]


WINDOW_KEYS = [
    (
        WINDOW,
        ": expected min, max or desired, got none: add one, such as min = 4",
    ),
    (
        WINDOW + 'min = 1\ntimezone = "Mars/Base"',
        '.timezone: expected a time zone of the IANA database such as "Europe/Berlin", '
        'got "Mars/Base": write its name',
    ),
    (
        'begins = "0 8 * *"\nends = "0 18 * * *"\nmin = 1',
        ".begins: expected five fields: minute, hour, day of month, month, day of week, "
        'got "0 8 * *": write them as cron does, such as "30 6 * * MON-FRI"',
    ),
    (
        'begins = "0 8 * * *"\nends = "0 18 31 4 *"\nmin = 1',
        '.ends: expected a cron expression (Bad day-of-month), got "0 18 31 4 *": correct it, '
        'such as "30 6 * * MON-FRI"',
    ),
    (
        'begins = "0 8 */40 * MON#5"\nends = "0 18 * * *"\nmin = 1',
        '.begins: expected a time that comes, got "0 8 */40 * MON#5": correct it',
    ),
    (
        'begins = "0 8 * * *"\nends = "0 18 */40 * MON#5"\nmin = 1',
        '.ends: expected a time that comes, got "0 18 */40 * MON#5": correct it',
    ),
    (
        'begins = "0 * * * *"\nends = "0 8,18 * * *"\nmin = 1',
        '.ends: expected a time at which it does not begin anew, got "0 8,18 * * *", which is '
        'always one of "0 * * * *": correct it, or set nodes.min and nodes.max if it is to be in '
        "force always",
    ),
    (
        'begins = "0 0-23 * * *"\nends = "0 8 * * MON"\nmin = 1\nmax = 0',
        ".min: expected at most max (0), got 1: lower it",
        '.ends: expected a time at which it does not begin anew, got "0 8 * * MON", which is '
        'always one of "0 0-23 * * *": correct it, or set nodes.min and nodes.max if it is to be '
        "in force always",
    ),
    (WINDOW + "min = 5\ndesired = 4", ".desired: expected at least min (5), got 4: raise it"),
    (WINDOW + "max = 5\ndesired = 6", ".desired: expected at most max (5), got 6: lower it"),
    (WINDOW + "minimum = 5", ".minimum: unknown key: did you mean min?"),
    (
        "min = 5",
        '.begins: expected a value, got none: add begins = "0 8 * * MON-FRI"',
        '.ends: expected a value, got none: add ends = "0 18 * * MON-FRI"',
    ),
]


@pytest.mark.parametrize("case", WINDOW_KEYS)
def test_a_wrong_window(case: tuple[str, ...], tmp_path: Path) -> None:
    keys, *expected = case
    text = HEAD + MAIL + "[[queues.mail.scaling.windows]]\n" + keys
    assert lines_of(text, tmp_path) == [f"queues.mail.scaling.windows[0]{e}" for e in expected]


ACROSS = [
    (
        'scaling.policies = ["age"]',
        'scaling.policies: expected slo.start_within with "age", got none: '
        'add slo.start_within = "5m" (age keeps that promise), or choose ["depth"]',
    ),
    (
        'runtime = "ecs"\nscaling.predict = "aws"',
        'scaling.predict: expected "auto" or "off" with runtime = "ecs", got "aws": choose "auto" '
        '(it forecasts too), or runtime = "ec2" (the policy is put on an Auto Scaling group)',
    ),
    (
        "scaling.headroom = 21",
        "scaling.headroom: expected at most nodes.max (20), got 21: lower it, or raise nodes.max",
    ),
    (
        "nodes.min = 21",
        "nodes.min: expected at most nodes.max (20), got 21: lower it, or raise nodes.max",
    ),
    (
        'nodes.boot = "1m"\nnodes.warm_boot = "2m"',
        "nodes.warm_boot: expected at most nodes.boot (1m), got 2m: shorten it, or lengthen "
        "nodes.boot",
    ),
    (
        f"nodes.min = 2\n{WINDOWS}min = 1",
        "scaling.windows[0].min: expected at least nodes.min (2), got 1: raise it, or lower "
        "nodes.min and raise it by windows of its own",
    ),
    (
        f"nodes.max = 9\n{WINDOWS}desired = 10",
        "scaling.windows[0].desired: expected at most nodes.max (9), got 10: lower it, or raise "
        "nodes.max and lower it by windows of its own",
    ),
]


@pytest.mark.parametrize(("keys", "expected"), ACROSS)
def test_keys_that_do_not_go_together(keys: str, expected: str, tmp_path: Path) -> None:
    assert lines_of(HEAD + MAIL + keys, tmp_path) == [f"queues.mail.{expected}"]


@pytest.mark.parametrize(
    "keys",
    [
        "nodes.min = 20",
        "nodes.max = 5000",
        "scaling.headroom = 20",
        'nodes.boot = "45s"\nnodes.warm_boot = "45s"',
        'scaling.predict = "aws"',
        'runtime = "ecs"',
        f"nodes.min = 2\nnodes.max = 9\n{WINDOWS}min = 2\nmax = 9\ndesired = 9",
        f"{WINDOWS}max = 0",
        '[[queues.mail.scaling.windows]]\nbegins = "0 22 * * *"\nends = "0 0,6 * * *"\nmin = 1',
        # A window that ends now and then where it begins, and once a day where it does not.
        '[[queues.mail.scaling.windows]]\nbegins = "0 * * * *"\nends = "0,30 8 * * *"\nmin = 1',
    ],
)
def test_at_the_border_it_is_allowed(keys: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(HEAD + MAIL + keys)
    load(file)
    jsonschema.validate(tomllib.loads(file.read_text()), manifest_schema())


def test_the_schema_knows_every_key() -> None:
    schema = manifest_schema()
    jsonschema.validate(tomllib.loads(WHOLE), schema, cls=jsonschema.Draft7Validator)
    for before, after in (
        ("min = 4", 'min = "4"'),
        ("min = 4", "minimum = 4"),
        ('begins = "0 8 * * MON-FRI"\n', ""),
        ('["depth", "age"]', "[]"),
        ('["depth", "age"]', '["cpu"]'),
        ("headroom = 3", 'headroom = "some"'),
        ("headroom = 3", "headroom = -1"),
        ('"ecs"', '"eks"'),
        ("nodes.max = 40", "nodes.max = 0"),
    ):
        assert before in WHOLE
        wrong = json.loads(json.dumps(tomllib.loads(WHOLE.replace(before, after, 1))))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema, cls=jsonschema.Draft7Validator)
