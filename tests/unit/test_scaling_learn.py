"""What one tick after another teaches: boots, losses, completions and arrivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ops.scaling.learn import boot_seconds, learn, loss_rate
from ops.scaling.memory import BOOTS_KEPT, Memory
from ops.scaling.model import Instance, Lifecycle, Node, QueueSnapshot, Reading, Wanted
from tests.unit.scaling_parts import (
    NOW,
    TICK,
    decided,
    draining,
    group_of,
    kinds,
    settings_of,
    snapshot_of,
    up,
)

DAY = 86_400.0


def at(tick: float, nodes: Sequence[Node] = (), visible: int = 0, **more: object) -> QueueSnapshot:
    """What is found so many ticks after NOW; nodes spoke just then."""
    now = NOW + tick * TICK
    spoke = [replace(node, said_at=now - 1) for node in nodes]
    return snapshot_of(spoke, visible, now=now, **more)  # type: ignore[arg-type]


def unknown(snapshot: QueueSnapshot, name: str) -> QueueSnapshot:
    reading: Reading[None] = Reading(None, snapshot.now, "test", "throttled")
    return replace(snapshot, **{name: reading})  # type: ignore[arg-type]


def booting(*ids: str) -> list[Instance]:
    return [Instance(id, Lifecycle.PENDING) for id in ids]


def boot_once(memory: Memory, tick: int = 0) -> Node:
    """A node that is first seen at a tick, and joins 100 s after the tick before it."""
    memory.ticked_at = NOW + (tick - 1) * TICK
    learn(at(tick, group=group_of(booting("i-1"))), memory)
    node = up("i-1", joined_at=memory.ticked_at - TICK + 100)
    learn(at(tick + 6, [node]), memory)
    return node


def test_a_boot_is_from_when_an_instance_was_first_there_to_its_first_word() -> None:
    memory = Memory()
    boot_once(memory)
    assert memory.boots == [pytest.approx(100.0)]


def test_a_boot_is_learnt_once_also_where_the_registry_is_away_for_a_tick() -> None:
    memory = Memory()
    node = boot_once(memory)
    for tick in (7, 8, 9):
        learn(at(tick, [node]), memory)
    learn(unknown(at(10, [node]), "nodes"), memory)
    learn(at(11, [node]), memory)
    assert len(memory.boots) == 1


def test_a_node_that_was_there_before_the_engine_teaches_no_boot() -> None:
    memory = Memory()
    learn(at(0, [up("i-1")]), memory)
    learn(at(1, [up("i-1")]), memory)
    assert memory.boots == []


def test_an_engine_that_was_away_takes_nothing_new_for_dead() -> None:
    """It was launched while nobody looked, at any time since: perhaps just now."""
    memory = Memory()
    learn(at(0), memory)
    found = at(240, group=group_of(["i-1"]))
    assert kinds(decided(found, settings_of(), memory)) == []
    assert found.now - memory.first_seen["i-1"] <= 60


def test_the_boot_is_the_manifests_until_three_were_measured() -> None:
    settings = settings_of(boot_seconds=180.0)
    assert boot_seconds(settings, Memory(boots=[90.0, 95.0])) == 180.0
    assert boot_seconds(settings, Memory(boots=[90.0, 95.0, 100.0])) == 95.0


def test_one_boot_that_took_very_long_says_nothing_of_the_others() -> None:
    boots = [*[90.0] * 10, 4_000.0]
    assert boot_seconds(settings_of(), Memory(boots=boots)) == 90.0


@pytest.mark.parametrize(("measured", "believed"), [(1.0, 45.0), (9_000.0, 540.0)])
def test_a_measured_boot_is_believed_within_reason(measured: float, believed: float) -> None:
    assert boot_seconds(settings_of(), Memory(boots=[measured] * 5)) == believed


def test_only_the_last_boots_are_kept() -> None:
    memory = Memory(ticked_at=NOW - TICK)
    for number in range(BOOTS_KEPT + 10):
        id = f"i-{number}"
        learn(at(2 * number, group=group_of(booting(id))), memory)
        node = up(id, joined_at=NOW + 2 * number * TICK + 10)
        learn(at(2 * number + 1, [node]), memory)
    assert len(memory.boots) == BOOTS_KEPT


def test_a_node_that_vanishes_is_a_loss_and_one_that_was_ended_is_none() -> None:
    memory = Memory()
    learn(at(0, [up("i-1"), up("i-2")]), memory)
    memory.ending = ["i-2"]
    learn(at(1), memory)
    assert memory.losses == pytest.approx(1.0, rel=0.01)
    assert memory.ending == []


def test_the_engine_does_not_count_what_it_ends_as_lost() -> None:
    memory, node = Memory(), draining("i-1", confirmed="t0")
    decision = decided(at(0, [node]), settings_of(), memory)
    assert kinds(decision) == ["terminate"]
    learn(at(1), memory)
    assert memory.losses == 0.0


def test_a_loss_is_seen_also_where_the_registry_is_away() -> None:
    memory = Memory()
    learn(at(0, [up("i-1")]), memory)
    learn(unknown(at(1, group=group_of(["i-1"])), "nodes"), memory)
    learn(unknown(at(2), "nodes"), memory)
    assert memory.losses == pytest.approx(1.0, rel=0.01)


def test_an_end_that_is_refused_again_and_again_is_remembered_once() -> None:
    memory, node = Memory(), draining("i-1", confirmed="t0")
    for tick in range(50):
        assert kinds(decided(at(tick, [node]), settings_of(), memory)) == ["terminate"]
    assert memory.ending == ["i-1"]


def test_the_rate_of_losses_is_a_node_and_second() -> None:
    assert loss_rate(Memory()) == 0.0
    # Until a node-day has been watched, one loss is not taken for a bad hour.
    assert loss_rate(Memory(losses=1.0, node_seconds=60.0)) == 1 / DAY
    assert loss_rate(Memory(losses=10.0, node_seconds=10 * DAY)) == 1 / DAY


def test_losses_fade_by_the_day() -> None:
    memory = Memory(losses=10.0, node_seconds=10 * DAY, ticked_at=NOW)
    for tick in range(1, int(DAY / TICK) + 1):
        learn(at(tick), memory)
    assert memory.losses == pytest.approx(10 / 2.718, rel=0.01)
    assert loss_rate(memory) == pytest.approx(1 / DAY, rel=0.01)


def test_a_clock_that_is_set_back_takes_no_time_away() -> None:
    memory = Memory()
    learn(at(10, [up("i-1")]), memory)
    seconds = memory.node_seconds
    learn(at(0, [up("i-1")]), memory)
    assert memory.node_seconds >= seconds
    assert memory.first_seen["i-1"] <= NOW + 10 * TICK


def test_each_completion_is_learnt_once() -> None:
    memory = Memory()
    first = up("i-1", recent=((NOW - 30, 5.0), (NOW - 20, 6.0)))
    more = up("i-1", recent=((NOW - 30, 5.0), (NOW - 20, 6.0), (NOW - 10, 7.0)))
    for tick, node in enumerate((first, first, more, more)):
        learn(at(tick, [node]), memory)
    learn(unknown(at(4, [more]), "nodes"), memory)
    learn(at(5, [more]), memory)
    assert memory.durations.total == 3


def arrivals(*told: QueueSnapshot) -> list[int | None]:
    memory = Memory()
    return [learn(snapshot, memory) for snapshot in told]


def test_what_arrived_is_what_waits_more_and_what_was_begun() -> None:
    first, second = up("i-1", begun=100), up("i-1", begun=103)
    assert arrivals(at(0, [first], 5), at(1, [second], 4), at(2, [second], 4)) == [None, 2, 0]


def test_a_node_that_restarts_begins_its_count_anew() -> None:
    before, after = up("i-1", begun=100), up("i-1", begun=2)
    assert arrivals(at(0, [before]), at(1, [after])) == [None, 2]


def test_a_node_that_goes_takes_its_count_along() -> None:
    two = [up("i-1", begun=100), up("i-2", begun=50)]
    assert arrivals(at(0, two), at(1, two[1:])) == [None, 0]


def test_what_began_while_the_counts_were_unknown_is_not_lost() -> None:
    """Else what waits would be taken for older than it is, by as many."""
    nodes = [[up("i-1", begun=begun)] for begun in (0, 5, 10)]
    memory = Memory()
    learn(at(0, nodes[0], 8), memory)
    learn(unknown(at(1, nodes[1], 8), "counts"), memory)
    assert learn(at(2, nodes[2], 8), memory) == 10
    # Ten came since, of which the two oldest have begun, and all that was there before.
    assert memory.backlog.oldest_at() == NOW


def test_arrivals_are_unknown_where_nodes_or_counts_are() -> None:
    there = at(1, [up("i-1")])
    assert arrivals(at(0, [up("i-1")]), unknown(there, "nodes")) == [None, None]
    assert arrivals(at(0, [up("i-1")]), unknown(there, "counts")) == [None, None]


def test_what_runs_is_that_of_nodes_that_are_to_receive() -> None:
    memory = Memory()
    nodes = [up("i-1", 3), draining("i-2", 2), up("i-3", 1, wanted=Wanted.RUN)]
    for tick in range(5):
        learn(at(tick, nodes), memory)
    assert memory.busy == [4, 4]


def test_what_a_node_ran_whose_instance_is_gone_does_not_run() -> None:
    """Else a node is kept for it until its item is forgotten, with nothing for it to do."""
    memory = Memory()
    nodes = [up("i-1", 3), up("i-2", 2), up("i-3", 1)]
    here = group_of([nodes[0], Instance("i-3", Lifecycle.LEAVING)])
    for tick in range(2):
        learn(at(tick, nodes, group=here), memory)
    assert memory.busy == [3, 3]
    learn(unknown(at(2, nodes), "group"), memory)
    assert memory.busy == [3, 6]


def test_an_unknown_group_leaves_instances_as_they_were() -> None:
    memory = Memory()
    learn(at(0, [up("i-1")]), memory)
    seen = dict(memory.first_seen)
    learn(unknown(at(1, [up("i-1")]), "group"), memory)
    assert memory.first_seen == seen
    assert memory.losses == 0.0
