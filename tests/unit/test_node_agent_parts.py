"""What an agent reads and keeps: statuses, words, notices, its memory's file, holds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.node.keeping import Keeper
from ops.node.memory import kept
from ops.node.notices import _time_of
from ops.node.roll import Roll, begun, call, word
from ops.node.seen import Seen, seen
from ops.node.sight import Looked
from tests.unit.node_agent_parts import RUNNING, World, paused
from worker import holds
from worker.control import DIRECTORY_VARIABLE
from worker.lately import WAITS_AT_MOST, Lately
from worker.outcomes import DONE, Outcome, Verdict

STATUS: dict[str, Any] = {
    "ok": True,
    "phase": "paused",
    "reason": "agent: asked",
    "release": "r1",
    "slots": 4,
    "busy": 0,
    "held": 0,
    "open_polls": 0,
    "holding": ["paused"],
    "unacknowledged": 0,
    "last_poll_age_seconds": 1.5,
    "tasks": [],
}


@pytest.mark.parametrize(
    ("changed", "stopped", "quiet"),
    [
        ({}, True, True),
        ({"open_polls": 1}, False, False),
        ({"holding": []}, False, False),
        ({"holding": ["acknowledgements are not getting through"]}, False, False),
        ({"held": 1}, True, False),
        ({"busy": 1, "held": 1}, True, False),
        ({"unacknowledged": 1}, True, False),
    ],
)
def test_a_worker_is_quiet_when_nothing_can_come(
    changed: dict[str, object], stopped: bool, quiet: bool
) -> None:
    found = seen(7, {**STATUS, **changed})
    assert (found.stopped, found.quiet, found.answers) == (stopped, quiet, True)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ok": False, "error": "no worker"},
        {"ok": True},
        {**STATUS, "busy": None},
        {**STATUS, "recent": [[1]]},
        {**STATUS, "tasks": [{}]},
    ],
)
def test_what_is_no_status_is_unknown_and_not_idle(said: dict[str, object]) -> None:
    found = seen(7, said)
    assert found.trouble
    assert not any((found.stopped, found.quiet, found.answers))


def test_a_worker_that_is_kept_from_polling_need_not_poll() -> None:
    idle = {**STATUS, "ok": True, "phase": "running", "busy": 0, "slots": 4, "holding": []}
    assert seen(7, idle).listens
    for hold in ("draining", "paused", "acknowledgements are not getting through"):
        found = seen(7, {**idle, "holding": [hold]})
        assert (found.trouble, found.listens) == ("", False)


@pytest.mark.parametrize(("helps", "stuck"), [(True, True), (False, False), (None, False)])
def test_a_worker_is_stuck_that_says_so(helps: bool | None, stuck: bool) -> None:
    assert seen(7, {**STATUS, "ok": True, "restart_helps": helps}).stuck is stuck


def test_a_worker_that_starts_is_not_quiet() -> None:
    found = seen(7, {"ok": True, "phase": "paused", "reason": "", "release": None})
    assert found.answers
    assert not found.quiet


def test_workers_are_summed_and_what_was_told_is_not_told_again() -> None:
    old = Seen(
        5,
        phase="draining",
        release="r1",
        slots=4,
        busy=1,
        stopped=True,
        ages=(50.0,),
        begun=9,
        recent=((100.0, 3.0),),
        waits=((9, 7.0),),
    )
    new = Seen(6, phase="running", release="r2", slots=4, busy=2, ages=(1.0, 2.0), begun=2)
    roll = call(Roll(0.0), Looked(10.0, (old, new)))
    say = {"wall": 1010.0, "now": 10.0, "slots": 4, "kept": False}
    found = word(roll, told={}, **say)  # type: ignore[arg-type]
    assert (found.busy, found.slots, found.paused, found.release) == (3, 5, False, "r2")
    assert found.started == (960.0, 1008.0, 1009.0)
    assert (found.begun, found.recent, found.longest_wait) == (11, ((100.0, 3.0),), None)
    later = call(roll, Looked(20.0, (paused(pid=6, begun=4, waits=((3, 5.0), (4, 2.0))),)))
    found = word(later, told=begun(roll), **say)  # type: ignore[arg-type]
    assert (found.begun, found.longest_wait, found.recent) == (13, 5.0, ((100.0, 3.0),))
    assert found.idle
    # One that does not answer counts as it last did, and is never idle.
    silent = call(roll, Looked(20.0, (Seen(6, trouble="timed out"),)))
    found = word(silent, told={}, **say)  # type: ignore[arg-type]
    assert (found.busy, found.paused) == (2, False)


def test_a_word_says_when_a_poll_was_last_answered() -> None:
    say = {"wall": 1020.0, "now": 20.0, "slots": 4, "kept": False, "told": {}}
    roll = call(Roll(0.0), Looked(10.0, (Seen(5, phase="running", slots=4),)))
    assert word(roll, **say).polled is None  # type: ignore[arg-type]
    old = Seen(5, phase="running", slots=4, last_poll_age=7.0)
    new = Seen(6, phase="running", slots=4, last_poll_age=2.5)
    roll = call(roll, Looked(10.0, (old, new)))
    assert word(roll, **say).polled == 1007.5  # type: ignore[arg-type]
    # One that does not answer has polled when it last said so; one that is gone counts no more.
    roll = call(roll, Looked(20.0, (Seen(6, trouble="timed out"),)))
    assert word(roll, **say).polled == 1007.5  # type: ignore[arg-type]
    roll = call(roll, Looked(20.0, (Seen(8, phase="starting"),)))
    assert word(roll, **say).polled is None  # type: ignore[arg-type]


def test_without_a_worker_a_node_is_paused_if_one_that_starts_would_be() -> None:
    roll = call(Roll(0.0), Looked(1.0, ()))
    for kept_so in (True, False):
        found = word(roll, wall=1.0, now=1.0, slots=4, kept=kept_so, told={})
        assert (found.idle, found.slots) == (kept_so, 4)


@given(st.lists(st.floats(0, 1000), max_size=80), st.integers(0, 80))
def test_the_longest_wait_since_any_start_is_among_those_kept(
    waits: list[float], told: int
) -> None:
    lately = Lately()
    for waited in waits:
        lately.began(waited)
    status: Any = lately.status()
    assert status["begun"] == len(waits)
    assert len(status["waits"]) <= WAITS_AT_MOST
    found = Seen(1, waits=tuple((n, w) for n, w in status["waits"])).waited_since(told)
    after = waits[told:]
    if not after:
        assert found is None
    elif len(status["waits"]) < WAITS_AT_MOST:
        assert found == pytest.approx(max(after), abs=0.001)
    else:
        assert found is not None
        assert found >= max(after) - 0.001


def test_only_completions_say_how_long_tasks_take() -> None:
    lately = Lately()
    for number in range(40):
        lately.ended(float(number), DONE)
    for outcome in (Outcome.CUT_OFF, Outcome.CHILD_DIED, Outcome.LEASE_LOST):
        lately.ended(999.0, Verdict(outcome))
    status: Any = lately.status()
    assert [ran for _, ran in status["recent"]] == [float(n) for n in range(8, 40)]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ('{"action": "terminate", "time": "2017-09-18T08:22:00Z"}', 1505722920.0),
        ('{"action": "stop", "time": "2017-09-18T08:22:00"}', 1505722920.0),
        ('{"action": "terminate"}', None),
        ('{"time": 5}', None),
        ("soon", None),
        ("[]", None),
    ],
)
def test_a_notices_time(said: str, at: float | None) -> None:
    assert _time_of(said) == at


def test_memory_outlives_a_process_and_what_is_broken_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    world = World(RUNNING)
    world.now = time.monotonic() - 1
    world.steps(5, 0.01)
    world.target = "Terminated"
    world.step(0.01)
    holds.hold("media-video", holds.By.AGENT, "agent: leaving")
    Keeper("media-video").keep(world.memory)
    again = Keeper("media-video").recall()
    assert kept(again) == kept(world.memory)
    assert again.leaves is not None
    assert again.marked == "agent: leaving"
    path = tmp_path / "media-video.memory"
    whole = json.loads(path.read_text())
    spoils: list[Callable[[], object]] = [
        lambda: path.write_text("{"),
        lambda: path.write_text("[1]"),
        lambda: path.write_text(json.dumps({**whole, "heard": {"wanted": "fly"}})),
        lambda: path.write_text(
            json.dumps({**whole, "leaves": {**whole["leaves"], "since": 1e12}})
        ),
        path.unlink,
    ]
    for spoil in spoils:
        spoil()
        assert kept(Keeper("media-video").recall()) == {"heard": None, "joined": "", "leaves": None}


def test_holds_are_kept_apart_and_one_that_cannot_be_read_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    assert holds.held("media-video") is None
    holds.hold("media-video", holds.By.AGENT, "agent:\n asked " + "x" * 500)
    holds.hold("media-video", holds.By.OPERATOR, "maintenance")
    assert holds.held("media-mail") is None
    holds.let_go("media-video", holds.By.OPERATOR)
    found = holds.held("media-video")
    assert found is not None
    assert found.startswith("agent: asked xxx")
    assert len(found) == 200
    holds.let_go("media-video", holds.By.AGENT)
    holds.let_go("media-video", holds.By.AGENT)
    assert holds.held("media-video") is None
    (tmp_path / "media-video.held").mkdir()
    assert "cannot be read" in (holds.held("media-video") or "")
    assert [path.name for path in tmp_path.iterdir()] == ["media-video.held"]
