"""How `ops scaling explain` shows when the nodes last polled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.scaling.explain import explained
from ops.scaling.model import Node, Reading
from tests.scaled_ticks import simulated_ticks

(TICK,) = simulated_ticks(1)


def node(id: str, busy: int, ago: float | None, *, paused: bool = False) -> Node:
    now = TICK.snapshot.now
    polled = None if ago is None else now - ago
    return Node(id, busy=busy, slots=4, said_at=now, paused=paused, polled=polled)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ((node("a", 0, 2.0), node("b", 3, 41.0)), "polls answered within 41 s"),
        ((node("a", 0, 2.0), node("b", 0, None)), "within 2 s, no poll known of 1"),
        ((node("a", 0, None), node("b", 1, None)), "no poll known of 2"),
        ((node("a", 0, -0.5),), "polls answered within 0 s"),
        # One without a free slot, or that is told not to, does not poll.
        ((node("a", 0, 2.0), node("b", 4, 900.0), node("c", 0, 900.0, paused=True)), "within 2 s"),
    ],
)
def test_the_longest_ago_of_those_with_a_free_slot_is_told(
    nodes: tuple[Node, ...], said: str
) -> None:
    seen = replace(TICK.snapshot, nodes=Reading(nodes, TICK.snapshot.now, "registry"))
    (line,) = [
        each
        for each in explained(replace(TICK, snapshot=seen), live=True)
        if each.startswith("  nodes ")
    ]
    assert line.endswith(f"{said} (registry, 0 s old)")


def test_where_no_node_is_to_poll_nothing_is_said_of_it() -> None:
    nodes = (node("b", 4, None), node("c", 0, None, paused=True))
    seen = replace(TICK.snapshot, nodes=Reading(nodes, TICK.snapshot.now, "registry"))
    assert "poll" not in " ".join(explained(replace(TICK, snapshot=seen), live=True))
