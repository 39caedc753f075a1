"""Where each node stands, by what its group and the registry say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from ops.scaling.memory import Memory
from ops.scaling.model import Counts, Instance, Lifecycle, Node, Wanted
from ops.scaling.standing import Standing, presumed, stand
from tests.unit.scaling_cases import Case, cases
from tests.unit.scaling_parts import NOW, confirmed, draining, group_of, up

BOOT = 180.0


def place(
    node: Node | None,
    lifecycle: Lifecycle = Lifecycle.IN_SERVICE,
    seen_ago: float = 20.0,
    resumed_ago: float | None = None,
) -> str:
    """In which list an instance and its node end up."""
    memory = Memory(first_seen={"i-1": NOW - seen_ago})
    if resumed_ago is not None:
        memory.resumed["i-1"] = NOW - resumed_ago
    group = group_of([Instance("i-1", lifecycle)])
    nodes = () if node is None else (node,)
    standing = stand(group, nodes, memory, now=NOW, slots=4, boot=BOOT)
    names = ("up", "draining", "held", "booting", "silent", "gone", "warm", "coming")
    return " ".join(name for name in names if getattr(standing, name)) or "nowhere"


@pytest.mark.parametrize(
    ("node", "stands"),
    [
        (up("i-1", 3), "up"),
        (up("i-1", said_at=NOW - 179), "up"),
        (up("i-1", said_at=NOW - 181), "silent"),
        (up("i-1", said_at=NOW + 90), "up"),  # its clock is ahead
        (up("i-1", paused=True), "held"),
        (draining("i-1", 2), "draining"),
        (draining("i-1", 2, paused=False), "draining"),  # it has not heard yet
        (confirmed("i-1"), "draining"),
        (draining("i-1", said_at=NOW - 181), "silent"),
        (replace(confirmed("i-1"), wanted=Wanted.END, claimed_at=NOW - 119), "nowhere"),
        (replace(confirmed("i-1"), wanted=Wanted.END, claimed_at=NOW - 121), "silent"),
        (None, "booting"),
    ],
)
def test_in_service(node: Node | None, stands: str) -> None:
    assert place(node) == stands


@pytest.mark.parametrize(
    ("lifecycle", "seen_ago", "stands"),
    [
        (Lifecycle.IN_SERVICE, 3 * BOOT, "booting"),
        (Lifecycle.IN_SERVICE, 3 * BOOT + 1, "silent"),
        (Lifecycle.PENDING, 9_000.0, "booting"),
        (Lifecycle.WARM, 9_000.0, "warm"),
        (Lifecycle.LEAVING, 9_000.0, "nowhere"),
    ],
)
def test_never_heard_of(lifecycle: Lifecycle, seen_ago: float, stands: str) -> None:
    assert place(None, lifecycle, seen_ago) == stands


@pytest.mark.parametrize(
    ("node", "lifecycle", "stands"),
    [
        (up("i-1", 3), Lifecycle.LEAVING, "nowhere"),
        (up("i-1", 3), Lifecycle.WARM, "warm"),
        (up("i-1", 3), Lifecycle.PENDING, "up"),
        (up("i-1", 3, said_at=NOW - 400), Lifecycle.PENDING, "booting"),
        # Its first word: it has registered, and does not know yet whether it may receive.
        (up("i-1", paused=True), Lifecycle.PENDING, "booting"),
        (up("i-1", paused=True), Lifecycle.IN_SERVICE, "held"),
    ],
)
def test_its_group_has_the_word(node: Node, lifecycle: Lifecycle, stands: str) -> None:
    assert place(node, lifecycle) == stands


@pytest.mark.parametrize(("ago", "stands"), [(15.0, "up"), (59.0, "up"), (61.0, "held")])
def test_a_node_hears_of_its_resumption_within_a_minute(ago: float, stands: str) -> None:
    assert place(up("i-1", paused=True), resumed_ago=ago) == stands


@pytest.mark.parametrize(("ago", "gone"), [(599.0, []), (601.0, ["i-2"])])
def test_an_item_without_an_instance_is_kept_for_ten_minutes(ago: float, gone: list[str]) -> None:
    node = up("i-2", said_at=NOW - ago)
    standing = stand(group_of([]), (node,), Memory(), now=NOW, slots=4, boot=BOOT)
    assert standing.gone == gone
    assert not standing.up


def test_the_item_of_a_claimed_node_goes_with_its_instance() -> None:
    node = replace(confirmed("i-2"), wanted=Wanted.END, claimed_at=NOW - 30)
    for here, gone in (([], ["i-2"]), ([Instance("i-2", Lifecycle.LEAVING)], [])):
        standing = stand(group_of(here), (node,), Memory(), now=NOW, slots=4, boot=BOOT)
        assert standing.gone == gone


def test_what_is_desired_and_not_there_is_coming() -> None:
    group = group_of([up("i-1"), Instance("i-2", Lifecycle.LEAVING)], desired=4)
    standing = stand(group, (up("i-1"),), Memory(), now=NOW, slots=4, boot=BOOT)
    assert standing.coming == 3
    assert standing.active == 4


def test_what_runs_is_weighed_by_what_a_node_tells_of_it() -> None:
    full = up("i-1", 8, slots=8, started=(NOW - 500, NOW - 10))
    untold = up("i-2", 3)
    more_than_busy = up("i-3", 1, started=(NOW - 500, NOW - 500))
    standing = Standing(4)
    assert sorted(standing.running([full, untold]).values()) == [4.0, 4.0]
    assert sum(standing.running([more_than_busy]).values()) == 2.0


def test_free_slots_are_those_of_what_receives_and_never_below_none() -> None:
    standing = Standing(4, up=[up("i-1", 1), up("i-2", 9)], draining=[draining("i-3", 1)])
    standing.booting, standing.coming = [("i-4", NOW)], 1
    assert standing.free == 3
    assert standing.at_hand == 3 + 3 + 2 * 4


@settings(max_examples=200, deadline=None)
@given(cases().filter(lambda case: case.snapshot.group.value is not None))
def test_each_instance_stands_in_one_place(case: Case) -> None:
    nodes = tuple(case.nodes.values())
    standing = stand(case.group, nodes, case.memory, now=NOW, slots=4, boot=BOOT)
    placed = [node.id for node in (*standing.up, *standing.draining, *standing.held)]
    placed += [id for id, _ in (*standing.booting, *standing.silent)]
    assert len(placed) == len(set(placed))
    here = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
    present = {one.id for one in case.group.instances if one.lifecycle in here}
    claimed = {node.id for node in nodes if node.claimed_at is not None}
    assert set(placed) <= present <= set(placed) | claimed
    assert standing.coming == max(0, case.group.desired - len(present))


@pytest.mark.parametrize(
    ("counts", "busy"),
    [
        (Counts(0, 6, 0), [4, 2, 0]),
        (Counts(0, 60, 0), [4, 4, 4]),
        (Counts(1, 6, 0), [4, 4, 4]),  # something waits: nothing is sure to be free
        (None, [4, 4, 4]),
    ],
)
def test_nodes_that_cannot_be_read_share_what_is_in_flight(
    counts: Counts | None, busy: list[int]
) -> None:
    instances = [Instance(f"i-{n}", Lifecycle.IN_SERVICE) for n in range(3)]
    group = group_of([*instances, Instance("i-9", Lifecycle.PENDING)])
    nodes = presumed(group, counts, 4, NOW)
    assert [node.id for node in nodes] == ["i-0", "i-1", "i-2"]
    assert [node.busy for node in nodes] == busy
