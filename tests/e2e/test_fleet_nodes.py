"""Nodes of a whole local fleet that fail, are told to leave, and are wanted again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e.whole import Whole, until, whole

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


def test_a_node_whose_worker_is_killed_again_and_again_is_replaced(fleet: Whole) -> None:
    fleet.ops("scaling", "pin", "dies", "1")
    (first,) = fleet.serving("dies", 1)
    for number in range(5):
        # What dies before it has come up is seen by nobody but its unit.
        up = partial(fleet.worker_is_known, first)
        until("a worker that its agent knows", up, else_=partial(fleet.log, first, "agent"))
        fleet.kill(first, "worker")
        said = partial(fleet.has_said, first, "agent", f"workers died: {number + 1} lately")
        until("word of its death", said, else_=partial(fleet.log, first, "agent"))
    until("its end", lambda: fleet.calls("SetInstanceHealth", first))
    until("another node", lambda: set(fleet.nodes("dies")) - {first}, else_=fleet.said)
    assert first not in fleet.serving("dies", 1)
    fleet.wait_done(fleet.publish("dies", "nap", 0.1, count=4))
    assert first not in fleet.places().values()
    fleet.ops("scaling", "unpin", "dies")
    fleet.none_left("dies")
    fleet.once_each()


def test_a_node_whose_agent_is_killed_goes_on_where_it_was(fleet: Whole) -> None:
    fleet.ops("scaling", "pin", "rests", "1")
    (first,) = fleet.serving("rests", 1)
    (long,) = fleet.publish("rests", "hold")
    assert fleet.wait_begun([long]) == {long: first}

    # Paused, with a task that runs and another one that waits: it stays so.
    fleet.ops("scaling", "pin", "rests", "0")
    until("its pause", lambda: paused(fleet, "rests"), else_=fleet.said)
    (next_,) = fleet.publish("rests", "hold")
    before = fleet.registered("rests")[first]["session"]
    fleet.kill(first, "agent")
    until("word of another agent", lambda: fleet.registered("rests")[first]["session"] != before)
    told = fleet.on_node(first, "ping")
    assert (told["wanted"], [each["phase"] for each in told["workers"]]) == ("pause", ["paused"])
    fleet.let_go(long)
    fleet.none_left("rests")
    assert next_ not in fleet.places()

    # At work, and ended by its group: it drains, and the hook is the second agent's to complete.
    fleet.ops("scaling", "pin", "rests", "1")
    (second,) = fleet.wait_begun([next_]).values()
    fleet.ops("scaling", "pin", "rests", "0")
    fleet.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=second, ShouldDecrementDesiredCapacity=True
    )
    until("its drain", lambda: fleet.has_said(second, "agent", "drains for"))
    fleet.kill(second, "agent")
    until("an agent again", lambda: fleet.unit(second, "agent").get("restarts") == 1)
    fleet.let_go(next_)
    fleet.none_left("rests")
    until(
        "its last call",
        lambda: fleet.calls("CompleteLifecycleAction", second, LifecycleHookName="fleet-leave"),
    )
    fleet.ops("scaling", "unpin", "rests")
    fleet.once_each()


def paused(fleet: Whole, queue: str) -> list[str]:
    """Nodes that the engine has asked to pause, and that do."""
    return [
        node
        for node, item in fleet.registered(queue).items()
        if item.get("wanted") == "pause" and item["paused"]
    ]
