"""Nodes of a whole local fleet that fail, are told to leave, and are wanted again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.whole import NAME, Whole, until, whole

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("whole")) as found:
        found.write("dies", "rests", "waits")
        found.up("--minute", "1h")
        found.ops("stack", "apply", "--yes")
        found.ops("release", "put")
        found.engine()
        yield found


def test_a_scale_in_waits_for_the_task_and_is_undone(fleet: Whole) -> None:
    # Two slots a node: four tasks are two nodes.
    keys = fleet.publish("waits", "hold", count=4)
    places = fleet.wait_begun(keys)
    there = fleet.serving("waits", 2)
    # One task is left on each node: one of the two nodes is enough for both.
    left = list({node: key for key, node in places.items()}.values())
    assert len(left) == 2
    fleet.let_go(*(key for key in keys if key not in left))
    asked = until("a node asked to pause", lambda: paused(fleet, "waits"), else_=fleet.said)
    assert len(asked) == 1
    assert fleet.registered("waits")[asked[0]]["busy"] == "1"
    # New work for both: neither is replaced, nor is a third one launched.
    more = fleet.publish("waits", "hold", count=2)
    assert set(fleet.wait_begun(more).values()) <= set(there)
    assert set(fleet.serving("waits", 2)) == set(there)
    fleet.let_go(*more)
    # Again, and this time nothing comes: the node leaves when its task has ended, not before.
    (going,) = until("a node asked to pause", lambda: paused(fleet, "waits"), else_=fleet.said)
    (last,) = [key for key in left if places[key] == going]
    fleet.let_go(last)
    (stays,) = fleet.serving("waits", 1)
    assert stays != going
    fleet.let_go(*left)
    fleet.none_left("waits")
    fleet.once_each()


def paused(fleet: Whole, queue: str) -> list[str]:
    """Nodes that the engine has asked to pause, and that do."""
    return [
        node
        for node, item in fleet.registered(queue).items()
        if item.get("wanted") == "pause" and item["paused"]
    ]
