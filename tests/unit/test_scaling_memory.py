"""What is remembered of a queue: written and read, refused where it is none, and small."""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.registry.names import MEMORY_AT_MOST_BYTES
from ops.scaling.decide import decide
from ops.scaling.memories import packed
from ops.scaling.memory import Memory, MemoryUnreadable
from ops.scaling.model import Node, Wanted
from tests.unit.scaling_cases import cases, memory_any
from tests.unit.scaling_parts import (
    NOW,
    TICK,
    confirmed,
    decided,
    settings_of,
    snapshot_of,
    up,
)

LONG = bool(os.environ.get("FLEET_LONG"))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_what_was_learnt_is_written_and_read(case: Any) -> None:
    memory = case.memory
    decide(case.snapshot, case.settings, memory, "t1")
    text = memory.to_text()
    assert "\n" not in text
    assert Memory.from_text(text).to_text() == text


@settings(max_examples=100, deadline=None)
@given(memory_any(("i-1", "i-2")))
def test_every_part_of_it_is_kept(memory: Memory) -> None:
    memory.resumed, memory.begun, memory.ended = {"i-1": NOW}, {"i-1": 7}, {"i-2": NOW - 3}
    memory.launched_at, memory.load, memory.loaded_seconds = NOW - 9, 1.5, 60.0
    memory.holding.idle, memory.holding.ended = {"i-2": NOW - 30}, [NOW - 60]
    again = Memory.from_text(memory.to_text())
    parts = set(Memory.__dataclass_fields__) - {"durations", "forecaster"}
    assert {name: getattr(again, name) for name in parts} == {
        name: getattr(memory, name) for name in parts
    }
    assert again.durations.total == memory.durations.total


def _leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from _leaves(data[key], (*path, key))


def _learnt() -> Any:
    memory = Memory()
    for tick in range(3):
        node = up("i-1", 2, recent=((NOW + tick, 5.0),), begun=tick, started=(NOW - 9,))
        there = snapshot_of([node, up("i-2")], visible=3, now=NOW + tick * TICK)
        decide(there, settings_of(), memory, "t1")
    return json.loads(memory.to_text())


LEARNT = _learnt()
PATHS = list(_leaves(LEARNT))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(PATHS),
    st.sampled_from((None, "x", [], {}, [[]], -1, 1e400, float("nan"), 10**400, True)),
)
def test_what_is_none_is_refused_or_read_and_never_raises_otherwise(
    path: tuple[Any, ...], wrong: Any
) -> None:
    data = json.loads(json.dumps(LEARNT))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    with contextlib.suppress(MemoryUnreadable):
        Memory.from_text(json.dumps(data))


def test_what_another_release_did_not_write_begins_anew() -> None:
    data = json.loads(Memory(launched_at=NOW, busy=[3]).to_text())
    del data["busy"], data["holding"]
    assert Memory.from_text(json.dumps(data)) == Memory(launched_at=NOW)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"durations": 1}', "[" * 100_000])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(MemoryUnreadable):
        Memory.from_text(text)


def _speaks(node: Node, r: random.Random, now: float) -> Node:
    done = [(round(now - r.random() * TICK, 3), round(r.expovariate(1 / 60), 1))] * (
        r.random() < 0.5
    )
    return replace(
        node,
        said_at=now - 3,
        busy=3,
        begun=node.begun + len(done),
        recent=(*node.recent, *done)[-32:],
        started=(now - 90, now - 60, now - 30),
    )


def _id(r: random.Random) -> str:
    return f"i-0{r.randrange(16**16):016x}"


def test_it_stays_small_however_long_it_lasts() -> None:
    """Three hundred nodes that come and go, one in two hundred a tick, under every policy."""
    r, memory = random.Random(1), Memory()
    ids = [_id(r) for _ in range(300)]
    nodes = [up(id) for id in ids]
    settings = settings_of(
        policies=frozenset({"age", "depth"}),
        start_within_seconds=60.0,
        headroom="auto",
        predict="auto",
    )
    sizes = []
    ticks = 10_000 if LONG else 240
    for tick in range(ticks):
        now = NOW + tick * TICK
        nodes = [
            up(_id(r), joined_at=now) if r.random() < 0.005 else _speaks(node, r, now)
            for node in nodes
        ]
        there = snapshot_of(nodes, visible=r.randrange(200), now=now)
        decide(there, settings, memory, f"t{tick}")
        if tick % 40 == 39:
            sizes.append(len(packed(memory.to_text())))
    assert max(sizes) < MEMORY_AT_MOST_BYTES
    alive = {node.id for node in nodes}
    for kept in (memory.first_seen, memory.ended, memory.begun, memory.resumed):
        assert set(kept) <= alive
    assert {*memory.joined, *memory.ending} <= alive


def test_nothing_piles_up_where_what_is_decided_is_never_done() -> None:
    """Every call is refused: the same is decided anew, tick after tick."""
    memory = Memory()
    lengths = []
    for tick in range(2_000):
        now = NOW + tick * TICK
        nodes = [
            replace(confirmed("i-1"), said_at=now),
            up("i-2", said_at=now, paused=True, wanted=Wanted.PAUSE),
            up("i-3", said_at=NOW - 900),
        ]
        there = snapshot_of(nodes, visible=(tick % 3) * 2, now=now)
        decided(there, settings_of(), memory)
        lengths.append(len(memory.to_text()))
    assert max(lengths[1_000:]) < max(lengths[:1_000]) + 200
