"""The registry's items: what is written is read again, and what nobody wrote is told by name."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.registry import names
from ops.registry.changes import Claim, Forget, Remember, Unclaim, Want, fence, part
from ops.registry.lease import Lease
from ops.registry.registered import pinned, registered
from ops.registry.values import moment, text, whole
from ops.registry.word import Heard, Word, read_heard, said
from ops.scaling.model import Node, Pin, Wanted

NOW = 1_795_000_000.0
LEASE = Lease("a", 7, NOW + 45)
WORD = Word(
    busy=2,
    slots=4,
    paused=False,
    release="2026-11-21",
    started=(NOW - 5000.5, NOW - 3.25),
    recent=((NOW - 900, 0.0345), (NOW - 2, 123.4)),
    longest_wait=12.34,
    polled=NOW - 3.5,
)


def node(word: Word = WORD, **more: Any) -> dict[str, Any]:
    return {
        "fleet": text("media"),
        "item": text("node#video#i-1"),
        "joined_at": moment(NOW - 9000),
        "group": text("media-video"),
        **said(word, NOW),
        **more,
    }


def test_what_a_node_says_is_what_the_engine_reads() -> None:
    item = node(wanted=text("pause"), token=text("t2"), confirmed=text("t1"))
    found = registered([item], NOW)
    assert found.trouble == ()
    assert found.groups == {"i-1": "media-video"}
    assert found.nodes == {
        "video": (
            Node(
                id="i-1",
                busy=2,
                slots=4,
                said_at=NOW,
                wanted=Wanted.PAUSE,
                token="t2",
                confirmed="t1",
                release="2026-11-21",
                joined_at=NOW - 9000,
                started=(NOW - 5000.5, NOW - 3),  # whole seconds, long after the first
                recent=((NOW - 900, 0.035), (NOW - 2, 123.0)),
                longest_wait=12.3,
                polled=NOW - 3.5,
            ),
        )
    }


def test_a_word_of_an_older_agent_says_nothing_of_polls() -> None:
    item = node()
    del item["polled"]
    (found,) = registered([item], NOW).nodes["video"]
    assert found.polled is None
    (found,) = registered([node(replace(WORD, polled=None))], NOW).nodes["video"]
    assert found.polled is None


times = st.lists(st.floats(0, 43_200), max_size=70).map(lambda ages: [NOW - age for age in ages])


@given(times=times.map(sorted), took=st.floats(0, 43_200), busy=st.integers(0, 64))
def test_every_word_is_readable_and_no_more_than_it_may_be(
    times: list[float], took: float, busy: int
) -> None:
    word = Word(busy, 64, False, "r" * 300, tuple(times), tuple((t, took) for t in times), 7, took)
    (found,) = registered([node(word)], NOW).nodes["video"]
    assert len(found.started) == min(len(times), names.STARTED_AT_MOST)
    assert len(found.recent) == min(len(times), names.RECENT_AT_MOST)
    assert all(abs(a - b) <= 0.51 for a, b in zip(times, found.started, strict=False))
    newest = times[-names.RECENT_AT_MOST :]
    assert all(abs(a - b) <= 0.51 for a, (b, _) in zip(newest, found.recent, strict=False))
    assert all(abs(ran - took) <= max(0.0006, took / 180) for _, ran in found.recent)
    assert list(found.started) == sorted(found.started)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"busy": text("2")}, "busy: expected a number, got {'S': '2'}"),
        ({"busy": whole(-1)}, "busy: expected 0 to 10000, got '-1'"),
        ({"busy": {"N": "2.5"}}, "busy: expected a whole number, got 2.5"),
        ({"busy": {"N": "nan"}}, "busy: expected 0 to 10000, got 'nan'"),
        ({"slots": whole(0)}, "slots: expected 1 to 10000, got '0'"),
        ({"said_at": {"N": "x"}}, "said_at: expected a number, got 'x'"),
        (
            {"said_at": moment(NOW + 331)},
            "said_at: expected at most 330 s ahead, got 331 s: set this node's clock",
        ),
        ({"wanted": text("dance")}, "wanted: expected one of run, pause, end, got 'dance'"),
        ({"paused": whole(1)}, "paused: expected true or false, got {'N': '1'}"),
        ({"token": text("t" * 257)}, "token: expected at most 256 characters, got 257"),
        ({"started": text("1795000000 x")}, "started: expected a number, got 'x'"),
        ({"started": text("0" + " 1" * 65)}, "started: expected at most 64 of them, got more"),
        ({"recent": text("0" + " 1:1" * 33)}, "recent: expected at most 32 of them, got more"),
        ({"recent": text("1795000000 5")}, "recent: expected a number, got ''"),
        ({"claimed_at": text("soon")}, "claimed_at: expected a number, got {'S': 'soon'}"),
        ({"group": whole(1)}, "group: expected a text, got {'N': '1'}"),
        ({"polled": text("now")}, "polled: expected a number, got {'S': 'now'}"),
        ({"polled": whole(-1)}, "polled: expected 0 to 4.10244e+09, got '-1'"),
    ],
)
def test_a_node_that_cannot_be_read_is_told_by_name(wrong: dict[str, Any], why: str) -> None:
    other = {**node(), "item": text("node#video#i-2")}
    found = registered([{**node(), **wrong}, other], NOW)
    assert [each.id for each in found.nodes["video"]] == ["i-2"]
    assert found.trouble_of("video") == f"node#video#i-1: {why}"
    assert found.trouble_of("mail") == ""


def test_items_of_all_kinds_and_of_none() -> None:
    items = [
        {"item": text("engine"), "holder": text("a"), "generation": whole(7), "expires": moment(9)},
        {"item": text("node##"), **said(WORD, NOW)},
        {"item": text("node#mail"), **said(WORD, NOW)},
        {"item": text("pin#mail"), "nodes": whole(3), "by": text("me"), "until": moment(NOW)},
        {"item": text("pin#video"), **pinned(Pin(0, None))},
        {"item": text("pin#ghost"), "nodes": text("all")},
        {"item": text("queue#mail"), "memory": text("{}")},
        {"item": text("queue#video")},
        {"item": text("later")},
        {},
    ]
    found = registered(items, NOW)
    assert found.lease == Lease("a", 7, 9.0)
    assert found.pins == {"mail": Pin(3, NOW, "me"), "video": Pin(0, None)}
    assert found.memories == {"mail": "{}"}
    assert found.nodes == {}
    assert {each.item: each.queue for each in found.trouble} == {
        "node##": None,
        "node#mail": "mail",
        "pin#ghost": "ghost",
        "queue#video": "video",
        "later": None,
        "?": None,
    }


@pytest.mark.parametrize("wrong", [{"generation": text("7")}, {"expires": moment(-1)}])
def test_a_lease_that_cannot_be_read_is_no_queues_trouble(wrong: dict[str, Any]) -> None:
    item = {"item": text("engine"), "holder": text("a"), "generation": whole(7), **wrong}
    found = registered([item], NOW)
    assert found.lease is None
    (trouble,) = found.trouble
    assert (trouble.item, trouble.queue) == ("engine", None)


def test_what_a_node_hears() -> None:
    assert read_heard({}) == Heard(Wanted.RUN, "", False, "")
    claimed = node(wanted=text("end"), token=text("t"), claimed_at=moment(NOW))
    assert read_heard(claimed) == Heard(Wanted.END, "t", True, "")


def test_every_write_of_the_engine_is_conditional_on_its_lease() -> None:
    check = fence("table", "media", LEASE)["ConditionCheck"]
    assert check["Key"] == {"fleet": text("media"), "item": text("engine")}
    assert check["ConditionExpression"] == "#holder = :holder AND #generation = :generation"
    assert check["ExpressionAttributeValues"] == {":holder": text("a"), ":generation": whole(7)}


@pytest.mark.parametrize(
    "change",
    [
        Want("video", "i-1", Wanted.END, "t"),
        Want("video", "i-1", Wanted.PAUSE, ""),
        Want("video", "i-1", Wanted.PAUSE, "t" * 257),
        Want("video", "i#1", Wanted.RUN, "t"),
        Claim("video", "", "t", NOW, 60, "c"),
        Unclaim("video", "i 1"),
        Forget("video", "x" * 200),
        Remember("video", "ü" * 33_000),
    ],
)
def test_what_is_never_written(change: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        part("table", "media", change, LEASE)


def stored_bytes(item: dict[str, Any]) -> int:
    """What DynamoDB counts: names and texts as UTF-8, numbers as half their digits and one."""

    def of(value: dict[str, Any]) -> int:
        ((kind, held),) = value.items()
        return len(held.encode()) if kind == "S" else 1 if kind == "BOOL" else len(held) // 2 + 2

    return sum(len(name.encode()) + of(value) for name, value in item.items())


def test_three_thousand_nodes_are_read_in_two_pages() -> None:
    recent = tuple((NOW - 1800 + i * 55.5, 123.4 + i) for i in range(names.RECENT_AT_MOST))
    word = Word(4, 4, False, "2026-11-21-0a1b2c3d", (NOW - 99.9,) * 4, recent, 12_345, 123.4)
    asked = {
        "wanted": text("pause"),
        "token": text("0123456789abcdef"),
        "confirmed": text("0123456789abcdef"),
        "session": text("0123456789ab"),
        "item": text(names.node_item("video-transcodes", "i-0123456789abcdef0")),
    }
    size = stored_bytes(node(word, **asked))
    assert 500 < size < 660
    full = Word(64, 64, False, "r" * 40, (NOW - 99.9,) * 64, recent, 12_345, 123.4)
    assert stored_bytes(node(full, **asked)) < 1_000
    # Without the memories, which a tick leaves out.
    assert math.ceil(3_000 * size / 1_048_576) <= 2


def test_a_tick_leaves_out_the_memories_and_nothing_else() -> None:
    read = [names.ENGINE, names.node_item("zz", "i-1"), names.pin_item("zz")]
    assert all(item < names.MEMORIES for item in read)
    assert names.queue_item("a") >= names.MEMORIES
