"""The simulated queue by itself: nodes that receive from it, leave it and lose what they run."""

from __future__ import annotations

import math
from random import Random

from ops.scaling.backtest.parts import SimNode, Totals
from ops.scaling.backtest.queue import Queue
from ops.scaling.backtest.trace import trace_of


def node(slots: int = 1) -> SimNode:
    return SimNode("i-1", 0.0, 0.0, slots, 0.0)


class World:
    """A queue of these tasks, and the nodes that it says have emptied."""

    def __init__(self, *tasks: tuple[float, float]) -> None:
        self.totals = Totals()
        self.emptied: list[tuple[SimNode, float]] = []
        self.queue = Queue(
            trace_of("t", tasks),
            Random(1),
            self.totals,
            lambda node, at: self.emptied.append((node, at)),
        )


def test_nothing_changes_until_something_comes() -> None:
    world = World((10, 5))
    assert world.queue.next_event() == 10
    assert not world.queue.run(9.9)
    assert (world.queue.visible, world.queue.oldest_at(), world.queue.unstarted) == (0, None, 1)
    assert world.queue.run(10)
    assert (world.queue.visible, world.queue.oldest_at()) == (1, 10)
    assert world.queue.unstarted_waits(17) == [7]
    assert world.queue.next_event() == math.inf


def test_what_waits_starts_as_slots_come_and_as_they_free() -> None:
    world, one = World((0, 50), (1, 5), (2, 5)), node(2)
    world.queue.run(20)
    world.queue.receive(one, 20)
    counts = world.queue.counts()
    assert (counts.visible, counts.in_flight) == (1, 2)
    assert list(world.totals.waits) == [20, 19]
    world.queue.run(25)
    assert (world.queue.visible, world.queue.in_flight) == (0, 2)
    assert list(world.queue.started_at) == [20, 20, 25]
    assert list(one.recent) == [(25, 5)]
    world.queue.run(70)
    assert world.queue.finished
    assert one.idle_since == 70


def test_a_node_that_receives_again_has_each_slot_once() -> None:
    world, one = World((5, 100), (6, 100), (7, 100)), node(2)
    world.queue.receive(one, 0)
    one.paused = True
    world.queue.run(4)
    one.paused = False
    world.queue.receive(one, 4)
    world.queue.run(10)
    assert (world.queue.in_flight, world.queue.visible) == (2, 1)


def test_a_retiring_node_is_told_of_when_its_last_task_ends() -> None:
    world, one = World((0, 10), (0, 30)), node(2)
    world.queue.receive(one, 0)
    world.queue.run(5)
    one.paused = one.retiring = True
    world.queue.run(20)
    assert world.emptied == []
    world.queue.run(40)
    assert world.emptied == [(one, 30)]


def test_what_is_taken_back_waits_in_front_and_is_run_whole() -> None:
    world, one, other = World((0, 40), (5, 10)), node(), node()
    world.queue.receive(one, 0)
    world.queue.run(15)
    one.paused = True
    taken = world.queue.taken_back(one, 15)
    assert taken == [(0, 40)]
    assert (world.queue.in_flight, world.totals.rerun_seconds) == (0, 15)
    world.queue.hide(len(taken))
    assert (world.queue.in_flight, world.queue.visible) == (1, 1)
    world.queue.hide(-len(taken))
    world.queue.put_back(taken, 20)
    assert (world.queue.visible, world.queue.oldest_at()) == (2, 0)
    world.queue.receive(other, 20)
    world.queue.run(60)
    assert list(other.recent) == [(60, 40)]
    # Its second start is not its first.
    assert list(world.totals.waits) == [0, 55]
    world.queue.run(70)
    assert world.queue.finished
