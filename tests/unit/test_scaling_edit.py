"""Edits of a manifest's text: what is asked for and nothing else, whatever way it is written."""

import re
import stat
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from ops.errors import OpsError
from ops.scaling.assignments import parse
from ops.scaling.edit import Value, add_window, remove_window, set_key
from ops.scaling.manifest_file import ManifestFile

LAYOUTS = {
    "headers": """\
name = "media"  # the fleet

[queues.video]
tasks = ["v.*"]   # globs
slo = { start_within = "5m" }  # promise
# below the keys

# Tens of milliseconds each
[queues.mail]
tasks = ["m"]

# the end
""",
    "tables of its own": """\
[queues.video]
tasks = ["v.*"]
  # nodes here
  [queues.video.nodes]
  min = 1 # one
  # below

# US
[[queues.video.scaling.windows]]
begins = "0 8 * * *" # b
ends = "0 9 * * *"
min = 2

# EU hours
[[queues.video.scaling.windows]]
begins = "0 10 * * *"
ends = "0 11 * * *"
min = 3
# below the second

# next
[queues.mail]
tasks = ["m"]""",
    "dotted keys": """\
[queues.video]
tasks = ["v.*"]
nodes.min = 1 # x
scaling.predict = "off"

# next
[queues.mail]
tasks = ["m"]
slo.start_within = "5m"
""",
    "in braces": 'queues = { video = {tasks=["v.*"], nodes = {min=1}}, mail = {tasks=["m"]} }\n',
    "below queues": """\
[queues]
video = { tasks = ["v.*"], scaling = { windows = [{ begins="0 8 * * *", min=2 }] } } # v
mail.tasks = ["m"]
mail.nodes.max = 4
# end
""",
    "at the top": """\
queues.video.tasks = ["v.*"]
queues.video.nodes.min = 1
# between
queues.mail.tasks = ["m"]
""",
    "out of order": """\
[queues.video]
tasks = ["v.*"]
[schedules.x]
cron = "* * * * *"
# here
[queues.mail]
tasks = ["m"]
[queues.video.nodes]
min = 1
# s

# y
[schedules.y]
cron = "* * * * *"
""",
    "an array": """\
[queues.video]
tasks = ["v.*"]
scaling.windows = [
  { begins = "0 8 * * *", ends = "0 9 * * *", min = 2 }, # one
  { begins = "0 18 * * *", ends = "0 19 * * *", min = 2 },
  # end
]
[queues.mail]
tasks = ["m"]
""",
    "texts that look like tables": '''\
[queues.video]
tasks = ["v.*", "[queues.video.nodes]"]
note = """
[queues.mail]
# no comment
"""
[queues.mail]
tasks = ["m"]
''',
    "other line ends": '[queues.video]\r\ntasks = ["v.*"]\r\n# c\r\n\r\n# next\r\n[queues.mail]\r\n'
    'tasks=["m"]\r\n',
}

WINDOW = {"begins": "0 8 * * *", "ends": "0 18 * * *", "timezone": "Europe/Berlin", "min": 4}

KEYS: list[tuple[tuple[str, ...], Value]] = [
    (("nodes", "min"), 7),
    (("nodes", "max"), 8),
    (("runtime",), "ecs"),
    (("scaling", "policies"), ["depth", "age"]),
    (("slo", "start_within"), "1m"),
]


def comments(text: str) -> list[str]:
    """Comments of TOML, texts left out; in order."""
    plain = re.sub(r'"""(?:.|\n)*?"""|"[^"\n]*"', '""', text)
    return re.findall(r"#[^\r\n]*", plain)


def read(text: str, *path: str) -> Any:
    table: Any = tomllib.loads(text)
    for key in path:
        table = table.get(key, {})
    return table


@pytest.fixture(params=LAYOUTS)
def text(request: pytest.FixtureRequest) -> str:
    return LAYOUTS[request.param]


@pytest.mark.parametrize("queue", ["video", "mail"])
@pytest.mark.parametrize(("key", "value"), KEYS)
def test_a_key_is_set_and_nothing_else(
    text: str, queue: str, key: tuple[str, ...], value: Value
) -> None:
    edited = set_key(text, queue, key, value)
    assert read(edited, "queues", queue, *key) == value
    assert comments(edited) == comments(text)
    # Setting it back to what it was, or taking it out, is the old manifest again.
    was = read(text, "queues", queue, *key)
    back = set_key(edited, queue, key, None if was == {} else was)
    assert without_empty(tomllib.loads(back)) == without_empty(tomllib.loads(text))
    assert set_key(edited, queue, key, value) == edited


def test_keys_one_after_the_other_stay_in_their_table(text: str) -> None:
    for key, value in KEYS:
        text = set_key(text, "mail", key, value)
    for key, value in KEYS:
        assert read(text, "queues", "mail", *key) == value
    headers = re.findall(r"^\[queues\.mail\.[a-z]+\]", text, re.MULTILINE)
    assert len(headers) == len(set(headers))


@pytest.mark.parametrize("queue", ["video", "mail"])
def test_a_window_comes_and_goes(text: str, queue: str) -> None:
    path = ("queues", queue, "scaling", "windows")
    before = read(text, *path) or []
    first = add_window(text, queue, WINDOW)
    second = add_window(first, queue, {**WINDOW, "min": 5})
    assert add_window(second, queue, WINDOW) == second
    assert read(second, *path) == [*before, WINDOW, {**WINDOW, "min": 5}]
    assert comments(second) == comments(text)
    third = remove_window(second, queue, len(before))
    assert read(third, *path) == [*before, {**WINDOW, "min": 5}]
    assert comments(third) == comments(text)
    gone = remove_window(third, queue, len(before))
    assert without_empty(tomllib.loads(gone)) == without_empty(tomllib.loads(text))
    assert comments(gone) == comments(text)


def test_what_is_written_is_where_a_person_would_write_it() -> None:
    edited = set_key(LAYOUTS["headers"], "video", ("nodes", "max"), 40)
    edited = add_window(edited, "video", WINDOW)
    edited = set_key(edited, "video", ("runtime",), "ecs")
    edited = set_key(edited, "video", ("slo", "start_within"), "1m")
    edited = set_key(edited, "video", ("nodes", "min"), 2)
    assert (
        edited
        == """\
name = "media"  # the fleet

[queues.video]
tasks = ["v.*"]   # globs
slo = { start_within = "1m" }  # promise
# below the keys
runtime = "ecs"

[queues.video.nodes]
max = 40
min = 2

[[queues.video.scaling.windows]]
begins = "0 8 * * *"
ends = "0 18 * * *"
timezone = "Europe/Berlin"
min = 4

# Tens of milliseconds each
[queues.mail]
tasks = ["m"]

# the end
"""
    )


def test_a_window_goes_with_the_comment_above_it_and_leaves_the_next_ones() -> None:
    text = LAYOUTS["tables of its own"]
    assert comments(remove_window(text, "video", 0)) == [
        "# nodes here", "# one", "# below", "# EU hours", "# below the second", "# next",
    ]  # fmt: skip
    assert comments(remove_window(text, "video", 1)) == [
        "# nodes here", "# one", "# below", "# US", "# b", "# next",
    ]  # fmt: skip
    none = remove_window(remove_window(text, "video", 1), "video", 0)
    assert none.endswith('  min = 1 # one\n  # below\n\n# next\n[queues.mail]\ntasks = ["m"]')


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: add_window(text, "video", WINDOW),
        lambda text: remove_window(text, "video", 0),
    ],
)
def test_windows_of_the_defaults_are_not_replaced_unawares(edit: Callable[[str], str]) -> None:
    defaults = "[[defaults.scaling.windows]]\nmin = 1\n"
    with pytest.raises(OpsError, match=r"queues\.video\.scaling\.windows: expected windows of its"):
        edit(LAYOUTS["headers"] + defaults)
    own = LAYOUTS["tables of its own"] + "\n" + defaults
    assert read(edit(own), "defaults") == read(own, "defaults")


def test_line_ends_stay_what_they_are() -> None:
    edited = add_window(LAYOUTS["other line ends"], "video", WINDOW)
    assert "\n" not in edited.replace("\r\n", "")


def test_a_layout_that_cannot_be_edited_is_refused() -> None:
    text = '[queues.video]\ntasks = ["v.*"]\nnodes = 3\n'
    with pytest.raises(OpsError, match=r"queues\.video\.nodes\.min: expected a layout"):
        set_key(text, "video", ("nodes", "min"), 1)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("nodes.min=3", (("nodes", "min"), 3)),
        ("min=3", (("nodes", "min"), 3)),
        (" max = 3 ", (("nodes", "max"), 3)),
        ("runtime=ecs", (("runtime",), "ecs")),
        ("start_within=5m", (("slo", "start_within"), "5m")),
        ("policies=depth, age", (("scaling", "policies"), ["depth", "age"])),
        ("headroom=2", (("scaling", "headroom"), 2)),
        ("headroom=off", (("scaling", "headroom"), "off")),
        ("min=", (("nodes", "min"), None)),
        ("min=-1", (("nodes", "min"), -1)),
        ("boot=a=b", (("nodes", "boot"), "a=b")),
    ],
)
def test_an_assignment(assignment: str, expected: tuple[tuple[str, ...], Value | None]) -> None:
    assert parse(assignment) == expected


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("min", "min: expected KEY=VALUE, got no =: write it as min=VALUE"),
        ("mim=3", "mim: expected a key of a queue's scaling: did you mean min?"),
        ("lease=3", "lease: expected a key of a queue's scaling: choose one of runtime, slo."),
        ("windows=3", "windows: expected a key of a queue's scaling: use ops scaling policy"),
    ],
)
def test_a_wrong_assignment(assignment: str, words: str) -> None:
    with pytest.raises(OpsError) as caught:
        parse(assignment)
    assert str(caught.value).startswith(words)
    assert caught.value.code == 2


def test_the_file_is_replaced_whole_with_its_mode_and_behind_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "fleet.toml"
    real.write_text("a = 1\r\n", newline="")
    real.chmod(0o640)
    link.symlink_to(real)
    file = ManifestFile.read(link)
    assert file.text == "a = 1\r\n"
    file.replace("b = 2\r\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"b = 2\r\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fleet.toml", "real.toml"]


def test_what_someone_else_wrote_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("a = 1\n")
    file = ManifestFile.read(path)
    path.write_text("a = 2\n")
    with pytest.raises(OpsError, match="someone edited it meanwhile: run it again"):
        file.replace("a = 3\n")
    assert path.read_text() == "a = 2\n"
    assert list(tmp_path.iterdir()) == [path]


def test_of_edits_at_the_same_time_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("done = 0\n")
    refused: list[int] = []
    both = threading.Barrier(4)

    def edit() -> None:
        for _ in range(25):
            both.wait(timeout=30)
            file = ManifestFile.read(path)
            count = int(tomlkit.parse(file.text)["done"])  # type: ignore[arg-type]
            try:
                file.replace(f"done = {count + 1}\n")
            except OpsError:
                refused.append(1)

    threads = [threading.Thread(target=edit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert path.read_text() == f"done = {100 - len(refused)}\n"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("a = 1\n")
    file = ManifestFile.read(path)
    path.unlink()
    with pytest.raises(OpsError, match=r"fleet\.toml: expected a file that can be replaced"):
        file.replace("a = 2\n")
    with pytest.raises(OpsError, match="expected a file in UTF-8 to read"):
        ManifestFile.read(path)


def without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in inner.items() if item not in ({}, [])}
