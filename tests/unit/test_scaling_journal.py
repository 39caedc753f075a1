"""The journal: what goes into a line comes out of it, and the same decision comes out of that."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.cli.app import run
from ops.errors import Exit, OpsError
from ops.scaling.codec import NotOne, decode, encode
from ops.scaling.delta import Unfit, patch, patched
from ops.scaling.journal import FULL_EVERY, Writer, dumps
from ops.scaling.journal_file import FileJournal, files
from ops.scaling.journal_read import lines
from ops.scaling.journal_reader import Gap, NotALine, OtherVersion, Reader
from ops.scaling.memory import Memory
from ops.scaling.model import (
    Action,
    Counts,
    Forget,
    Group,
    Launch,
    Node,
    Pin,
    QueueSnapshot,
    Reading,
    Replace,
    Terminate,
)
from ops.scaling.outcomes import Outcome
from ops.scaling.replay import Replayed, replay
from ops.scaling.settings import Settings, Window
from ops.scaling.starting import journal_at
from ops.scaling.tick import decided, written_down
from tests.scaled_ticks import RUN, lines_of, simulated_ticks
from worker.fleet import loads

NOW = 1_795_000_000.25
TICKS = simulated_ticks(200)
IDLE = simulated_ticks(100, tasks_per_second=0)
FULL = [i for i, tick in enumerate(TICKS) if tick.before is not None]


def replayed(lines: Sequence[str], queue: str | None = None) -> Replayed:
    found = Replayed()
    for _ in replay(lines, found, queue):
        pass
    return found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=2), inner, max_size=4)
        | st.lists(st.fixed_dictionaries({"id": st.text(max_size=1), "v": inner}), max_size=4)
    ),
    max_leaves=20,
)


@given(json_values, json_values)
def test_a_change_makes_one_document_into_the_other(before: Any, after: Any) -> None:
    change = json.loads(json.dumps(patch(before, after)))
    assert json.dumps(patched(before, change), sort_keys=True) == json.dumps(after, sort_keys=True)
    assert patch(after, after) == {}


@given(json_values, json_values)
def test_a_change_that_does_not_fit_raises_nothing_else(before: Any, change: Any) -> None:
    with contextlib.suppress(Unfit):
        patched(before, change)


@pytest.mark.parametrize("kind", [Node, Group, Settings, Window, Pin, Counts])
def test_every_value_comes_back_as_it_was(kind: type[Any]) -> None:
    @given(st.from_type(kind))
    def check(value: Any) -> None:
        text = dumps(encode(kind, value, NOW))
        again = decode(kind, json.loads(text), NOW)
        assert dumps(encode(kind, again, NOW)) == text
        # What is not a number is not itself.
        assert again == value or "nan" in text

    check()


def test_what_is_nothing_takes_no_room() -> None:
    reading: Reading[Counts] = Reading(None, NOW, "sqs:X", "denied")
    data = encode(Reading[Counts], reading, NOW)
    assert data == {"value": None, "taken_at": "now", "source": "sqs:X", "trouble": "denied"}
    assert decode(Reading[Counts], data, NOW) == reading
    assert encode(tuple[Action, ...], (Launch(1, 3), Forget("i-1")), NOW) == [
        {"nodes": 1, "desired": 3, "kind": "launch"},
        {"node": "i-1", "kind": "forget"},
    ]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (Counts, [], "expected Counts, found []"),
        (Counts, {"visible": 1}, "Counts.in_flight: expected it, found nothing"),
        (Counts, {"visible": 1, "in_flight": 1, "delayed": 1, "x": 1}, "expected Counts"),
        (Counts, {"visible": True, "in_flight": 1, "delayed": 1}, "expected int, found True"),
        (Counts, {"visible": 1.0, "in_flight": 1, "delayed": 1}, "expected int, found 1.0"),
        (tuple[Action, ...], [{"kind": "explode"}], "expected one of launch, pause"),
        (tuple[Action, ...], {"kind": "launch"}, "expected a list"),
        (float, "later", "expected a number, found 'later'"),
        (float, True, "expected a number, found True"),
        (int | None, "1", "expected int, found '1'"),
    ],
)
def test_what_is_something_else_is_refused(kind: Any, data: Any, said: str) -> None:
    with pytest.raises(NotOne) as error:
        decode(kind, data, NOW)
    assert said in str(error.value)


def test_every_decision_is_made_again_byte_for_byte() -> None:
    kinds = {action.kind for tick in TICKS for action in tick.decision.actions}
    assert {"launch", "pause", "terminate"} <= kinds
    found = replayed(lines_of(TICKS))
    assert (found.decisions, found.differ, found.unread) == (len(TICKS), 0, {})


def test_a_line_says_what_was_seen_done_and_what_became_of_it() -> None:
    tick = TICKS[0]
    assert tick.decision.actions
    outcomes = tuple(Outcome(action, "refused", "throttled") for action in tick.decision.actions)
    tick = replace(tick, outcomes=outcomes, notes=("a note",))
    read = Reader().read(lines_of([tick])[0])
    assert read is not None
    assert (read.snapshot, read.settings, read.decision) == (
        tick.snapshot,
        tick.settings,
        tick.decision,
    )
    assert (read.token, read.memory, read.notes) == (tick.token, tick.before, ("a note",))
    assert read.outcomes == tuple(("refused", "throttled") for _ in outcomes)


def test_lines_are_short() -> None:
    """Of what docs/howto/scaling-run.md says that the journal takes."""
    assert sum(map(len, lines_of(IDLE))) / len(IDLE) < 400
    assert sum(map(len, lines_of(TICKS))) / len(TICKS) < 1_000


def test_a_line_in_ten_minutes_is_whole() -> None:
    assert [i for i, line in enumerate(lines_of(TICKS)) if "full" in json.loads(line)] == FULL
    assert FULL[0] == 0
    assert {after - before for before, after in pairwise(FULL[1:])} == {FULL_EVERY}


def test_a_decision_that_comes_out_otherwise_is_shown() -> None:
    lines = lines_of(TICKS)
    at = next(i for i, t in enumerate(TICKS) if i > 45 and t.decision.actions and i not in FULL)
    line = json.loads(lines[at])
    lines[at] = dumps({**line, "why": "hold: nothing", "do": []})
    found = replayed(lines)
    assert (found.decisions, found.differ) == (len(TICKS), 1)
    assert found.first is not None
    assert found.first.line == at + 1
    parts = {name: (was, now) for name, was, now in found.first.parts()}
    assert parts["why"] == ("hold: nothing", TICKS[at].decision.why)
    assert parts["actions"][0] == "[]"


def test_a_memory_that_came_out_otherwise_is_told() -> None:
    lines = lines_of(TICKS)
    line = json.loads(lines[FULL[2]])
    lines[FULL[2]] = dumps({**line, "memory": line["memory"].replace('"losses":0', '"losses":1')})
    found = replayed(lines)
    assert found.decisions == len(TICKS)
    assert found.differ >= 1
    assert found.first is not None
    assert next(name for name, *_ in found.first.parts()) == "memory"


@pytest.mark.parametrize("torn", ["", '{"v":1,"at":17', "null", "[1]", '{"v":1}', "\x00\xff{"])
def test_a_torn_line_costs_those_until_the_next_full_one(torn: str) -> None:
    lines = lines_of(TICKS)
    at = FULL[2] + 5
    lines[at] = torn
    found = replayed(lines)
    lost = FULL[3] - at
    assert found.differ == 0
    assert found.decisions == len(TICKS) - lost
    assert found.unread == ({"torn": 1, "gap": lost - 1} if torn else {"gap": lost - 1})


def test_lines_of_another_version_are_told() -> None:
    reader = Reader()
    with pytest.raises(OtherVersion, match="of version 2, expected 1"):
        reader.read(dumps({"v": 2}))
    with pytest.raises(Gap):
        reader.read(lines_of(TICKS)[1])


def test_a_line_that_came_twice_counts_once() -> None:
    lines = lines_of(TICKS)
    found = replayed([*lines[:60], *lines[30:60], *lines[60:]])
    assert (found.decisions, found.differ, found.unread) == (len(TICKS), 0, {})


def test_queues_and_engines_are_told_apart() -> None:
    mail = simulated_ticks(len(TICKS), queue="mail", seed=2)
    both = lines_of(mail, TICKS)
    assert replayed(both).decisions == 2 * len(TICKS)
    assert replayed(both, "mail").decisions == len(TICKS)
    other = [line.replace(f'"run":{RUN}', '"run":8') for line in lines_of(TICKS)]
    found = replayed([*lines_of(TICKS)[:50], *other[FULL[2] :]])
    assert (found.decisions, found.differ) == (50 + len(TICKS) - FULL[2], 0)
    assert found.unread == {}


def test_what_is_not_known_is_held_and_replayed() -> None:
    writer = Writer()
    snapshot, settings = TICKS[0].snapshot, TICKS[0].settings
    ticks = [decided(snapshot, settings, None, "7.1", 15.0)]
    ticks.append(
        replace(decided(snapshot, settings, Memory(), "7.2", 15.0), before=Memory().to_text())
    )
    lines = []
    for tick in ticks:
        writer.begin(RUN)
        assert writer.is_full("video")
        lines.append(writer.line(tick))
    assert "hold: what is remembered of it is not known" in ticks[0].decision.why
    found = replayed(lines)
    assert (found.decisions, found.differ, found.unread) == (2, 0, {})


def test_an_engine_that_cannot_decide_says_so_and_goes_on() -> None:
    settings = replace(TICKS[0].settings, slots=0)
    memory = Memory()
    tick = decided(TICKS[0].snapshot, settings, memory, "7.1", 15.0)
    assert tick.decision.actions == ()
    assert tick.decision.why.startswith("hold: deciding failed, report this: ZeroDivisionError")
    assert tick.memory is memory


def test_a_memory_that_fails_is_left_behind() -> None:
    memory = Memory()
    memory.boots = ["x"] * 5  # type: ignore[list-item]
    tick = decided(TICKS[0].snapshot, TICKS[0].settings, memory, "7.1", 15.0)
    assert tick.decision == TICKS[0].decision or tick.decision.actions
    assert tick.memory is not memory
    assert tick.notes[0].startswith("starts with an empty memory: TypeError: ")


@given(st.text(max_size=60))
def test_what_no_line_is_raises_nothing_else(text: str) -> None:
    line = lines_of(TICKS[:1])[0]
    for each in (text, line[: len(text)] + text, text + line):
        with contextlib.suppress(NotALine):
            Reader().read(each)


def test_the_file_is_a_line_a_tick_and_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = FileJournal(path, at_most_bytes=20_000, kept=3)
    memory, writer = Memory(), Writer()
    for tick in TICKS:
        if journal.fresh:
            writer.begin_anew()
        writer.begin(RUN)
        text = None
        if writer.is_full("video"):
            text, memory = written_down(memory)
        again = decided(tick.snapshot, tick.settings, memory, tick.token, 15.0)
        assert journal.write([writer.line(replace(again, before=text))], 0.0) == ""
    journal.close()
    there = list(files(path))
    assert [each.name for each in there] == [
        "journal.3.gz",
        "journal.2.gz",
        "journal.1.gz",
        "journal",
    ]
    assert {each.name for each in tmp_path.iterdir()} == {each.name for each in there}
    kept = ["\n".join(lines(str(each))) for each in there]
    assert all(len(text) < 20_000 + 8_000 for text in kept)
    for text in kept:
        found = replayed(text.splitlines())
        assert (found.differ, found.unread) == (0, {})
        assert found.decisions > 5


def test_what_was_torn_is_ended_before_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"v":1,"at"')
    journal = FileJournal(path)
    assert journal.write(["{}"], 0.0) == ""
    assert path.read_text() == '{"v":1,"at"\n{}\n'


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = FileJournal(path)
    assert journal.fresh
    journal.write(["a"], 0.0)
    assert not journal.fresh
    path.rename(tmp_path / "elsewhere")
    assert journal.fresh
    journal.write(["b"], 0.0)
    assert path.read_text() == "b\n"


def test_a_file_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "no" / "journal")
    assert journal.write(["a"], 0.0) == f"{tmp_path}/no/journal: No such file or directory"
    assert journal.fresh
    (tmp_path / "no").mkdir()
    assert journal.write(["b"], 0.0) == ""
    assert not journal.fresh


class Commands:
    """`ops scaling replay` and `explain` on a journal in a file."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "journal"
        path.write_text("".join(f"{line}\n" for line in lines_of(TICKS)))
        return path


class TestReplay(Commands):
    def test_all_the_same(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["scaling", "replay", str(path)]) == 0
        assert capsys.readouterr().out == "200 decisions, all the same\n"

    def test_compressed_and_cut_short(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        packed = path.with_suffix(".gz")
        data = gzip.compress(path.read_bytes())
        packed.write_bytes(data)
        assert run(["scaling", "replay", str(packed)]) == 0
        assert capsys.readouterr().out == "200 decisions, all the same\n"
        packed.write_bytes(data[: len(data) // 2])
        assert run(["scaling", "replay", str(packed)]) == 0
        said = capsys.readouterr()
        assert "all the same (left out: " in said.out
        assert "not read further" in said.err or "part of one" in said.err

    def test_from_stdin(
        self, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        assert run(["scaling", "replay", "-", "--queue", "video", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "decisions": 200,
            "differ": 0,
            "left_out": {},
            "first": None,
        }

    def test_one_otherwise(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        lines = path.read_text().splitlines()
        lines[7] = lines[7].replace('"why":"', '"why":"surely ')
        path.write_text("\n".join(lines))
        assert run(["scaling", "replay", str(path)]) == 3
        out = capsys.readouterr().out
        assert out.startswith("200 decisions, 1 of them otherwise\nthe first: line 8, video at 20")
        assert f"    was    surely {TICKS[7].decision.why}" in out
        assert f"    is now {TICKS[7].decision.why}" in out
        at = [f"2026-11-18T{when}" for when in ("11:08:40", "11:08:35")]
        assert [run(["scaling", "replay", str(path), "--at", each]) for each in at] == [3, 0]

    def test_nothing_in_it(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path.write_text('{"v":2}\nx\n')
        assert run(["scaling", "replay", str(path)]) == 1
        assert capsys.readouterr().err.splitlines() == [
            f"{path}: line 1: of version 2, expected 1",
            f"{path}: line 2: expected a line of JSON, found part of one or none",
            f"{path}: expected decisions, got none (left out: 1 of another version, "
            "1 torn or no lines of a journal's): name a journal of ops scaling run --journal, "
            "and a queue and time that it has",
        ]
        assert run(["scaling", "replay", str(path.parent / "none")]) == 2
        assert "expected a journal that can be read" in capsys.readouterr().err


class TestExplain(Commands):
    def test_at_a_time(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        launched = next(t for t in TICKS if t.decision.actions[:1] and t.decision.why[0] == "l")
        when = datetime.fromtimestamp(launched.snapshot.now, UTC)
        asked = ["scaling", "explain", "video", "--journal", str(path), "--at", when.isoformat()]
        assert run(asked) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"video at {when:%Y-%m-%d %H:%M:%S} UTC\nseen\n")
        assert "visible" in out
        assert f"decided    {launched.decision.why}" in out
        assert "\ndone\n  launch " in out
        assert run([*asked, "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert data["why"] == launched.decision.why
        assert data["actions"][0]["action"] == "launch"
        # The time as --json has it is taken as it is.
        assert run([*asked[:-1], str(data["at"]), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == data

    def test_what_is_not_there(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["scaling", "explain", "mail", "--journal", str(path)]) == 1
        assert "expected a decision about mail, got none" in capsys.readouterr().err
        asked = ["scaling", "explain", "video", "--journal", str(path), "--at", "2020-01-01"]
        assert run(asked) == 1
        assert "until 2020-01-01 00:00:00 UTC, got none: take a later" in capsys.readouterr().err
        assert run(["scaling", "explain", "video", "--at", "10m"]) == 2
        assert run([*asked[:-1], "soon"]) == 2


def test_what_terminates_and_replaces_is_told() -> None:
    actions: tuple[Action, ...] = (Terminate("i-1", "7.1"), Replace("i-2", "silent"))
    tick = replace(TICKS[0], decision=replace(TICKS[0].decision, actions=actions))
    read = Reader().read(lines_of([tick])[0])
    assert read is not None
    assert read.decision.actions == actions
    assert isinstance(read.snapshot, QueueSnapshot)


def test_a_place_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    fleet = loads('name = "media"\n[queues.mail]\ntasks = ["mail.*"]\n', tmp_path / "fleet.toml")
    place = tmp_path / "no-such-folder" / "journal"
    with pytest.raises(OpsError, match="expected a file that can be written") as refused:
        journal_at(fleet, str(place))
    assert refused.value.code is Exit.USAGE
    assert isinstance(journal_at(fleet, str(tmp_path / "journal")), FileJournal)
