"""Whole nodes and engines against each other: whatever happens in which order, nobody is killed."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from ops.registry.lease import Lease
from ops.registry.registered import Registered
from ops.registry.registry import Registry
from ops.registry.transact import LostLease
from ops.scaling.model import Wanted
from tests.cloud.registry_table import Bench
from tests.e2e.fleet import wait_for
from tests.faulty import Faulty

RUN, PAUSE, END = Wanted.RUN, Wanted.PAUSE, Wanted.END


@pytest.fixture
def bench(proxy: Faulty) -> Iterator[Bench]:
    bench = Bench(proxy)
    with bench.nodes:
        yield bench


def leased(engine: Registry, now: float = 0.0) -> Lease:
    lease = engine.take("a", now, 900)
    assert lease is not None
    return lease


def test_a_prompt_node_and_a_busy_one(bench: Bench) -> None:
    nodes, engine = bench.nodes, bench.registry()
    lease = leased(engine)
    prompt = nodes.add("video", "i-1", clock=lambda: 10.0)
    busy = nodes.add("video", "i-2", clock=lambda: 10.0)
    assert prompt.give() == 0  # it has not heard whether it may
    nodes.step()
    assert (prompt.give(), busy.give(3)) == (1, 3)
    prompt.finish()
    for node in nodes:
        assert engine.want("video", node.id, PAUSE, "t1", lease)
    nodes.step()
    assert (prompt.receiving, busy.receiving) == (False, False)
    assert prompt.give() == 1  # of a poll that was open when it paused
    prompt.finish()
    nodes.step(2)
    seen = {node.id: node for node in engine.read(10.0).nodes["video"]}
    assert (seen["i-1"].confirmed, seen["i-2"].confirmed) == ("t1", "")
    assert (seen["i-2"].busy, len(seen["i-2"].started), len(seen["i-1"].recent)) == (3, 3, 2)
    assert engine.want("video", "i-2", RUN, "t2", lease)
    nodes.step()
    assert busy.give(4) == 1
    assert nodes.wrongs == []


def test_a_slow_a_silent_a_deaf_and_a_held_node(bench: Bench) -> None:
    nodes, engine = bench.nodes, bench.registry()
    lease = leased(engine)
    now = itertools.count(10.0)
    ways = {"slow": {"late": 3}, "silent": {}, "deaf": {}, "held": {}, "busy": {}}
    for name, way in ways.items():
        nodes.add("video", f"i-{name}", clock=lambda: float(next(now)), **way)
    nodes.step(4)
    nodes["i-silent"].silent = nodes["i-deaf"].deaf = nodes["i-held"].held = True
    nodes["i-busy"].busy_for(steps=4)
    spoken = engine.read(50.0).nodes["video"]
    for node in nodes:
        assert engine.want("video", node.id, PAUSE, "t1", lease)
    nodes.step(3)
    assert nodes["i-slow"].receiving
    nodes.step(4)
    seen = {node.id: node for node in engine.read(60.0).nodes["video"]}
    assert {name for name, node in seen.items() if node.confirmed} == {"i-slow", "i-busy"}
    before = {node.id: node.said_at for node in spoken}
    assert {n for n, node in seen.items() if node.said_at == before[n]} == {"i-silent"}
    assert (seen["i-deaf"].paused, seen["i-held"].paused) == (False, True)


def test_a_claimed_node_that_restarts_never_works_again(bench: Bench) -> None:
    nodes, engine = bench.nodes, bench.registry()
    lease = leased(engine)
    node = nodes.add("video", "i-1", clock=lambda: 10.0)
    nodes.step()
    engine.want("video", "i-1", PAUSE, "t1", lease)
    nodes.step(2)
    assert engine.claim("video", "i-1", "t1", 10.0, lease, fresh_seconds=30)
    for _ in range(2):
        node.restart()
        nodes.step(3)
        assert (node.give(), node.receiving, node.resume_by_hand()) == (0, False, False)
    assert not node.leave()
    assert nodes.wrongs == []


def test_nodes_follow_their_group(bench: Bench) -> None:
    nodes = bench.nodes
    nodes.add("mail", "i-9")
    nodes.follow("video", "media-video", ["i-1", "i-2"])
    nodes.step()
    nodes["i-1"].give(2)
    nodes.follow("video", "media-video", ["i-2", "i-3"])
    nodes.step()
    assert (sorted(node.id for node in nodes), nodes.killed) == (["i-2", "i-3", "i-9"], 2)
    assert bench.registry().read(0.0).trouble  # spoken by the real clock, far ahead of 0
    assert {bench.item(f"node#video#i-{i}")["group"]["S"] for i in (1, 2, 3)} == {"media-video"}  # type: ignore[index]


def test_nodes_that_speak_all_the_time_are_each_claimed_once(bench: Bench) -> None:
    """Two engines on one lease, as if one had been copied, and nodes in threads of their own."""
    nodes, engines = bench.nodes, (bench.registry(), bench.registry())
    lease = leased(engines[0])
    for i in range(4):
        nodes.add("video", f"i-{i}", clock=lambda: 100.0)
    claimed: Counter[str] = Counter()
    with nodes.speaking():
        wait_for(lambda: all(node.receiving for node in nodes), "the nodes to receive")
        for node in nodes:
            assert engines[0].want("video", node.id, PAUSE, "t1", lease)

        def sweep() -> bool:
            for engine, node in itertools.product(engines, list(nodes)):
                if engine.claim("video", node.id, "t1", 100.0, lease, fresh_seconds=30):
                    claimed[node.id] += 1
                    assert (node.receiving, node.running) == (False, [])
            return len(claimed) == 4

        wait_for(sweep, "each node to be claimed")
        for node in nodes:
            node.give(4)
    assert set(claimed.values()) == {1}
    assert (nodes.wrongs, sum(len(node.running) for node in nodes)) == ([], 0)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_in_which_order_only_a_paused_idle_node_is_ended_and_once(
    bench: Bench, seed: int
) -> None:
    rng, story = Random(seed), _Story(bench)
    for _ in range(250):
        getattr(story, rng.choice(_EVENTS))(rng)
    assert bench.nodes.wrongs == []
    assert set(story.calls.values()) == {1}


_EVENTS = (
    *["node_steps"] * 16,
    *["tasks_arrive", "tasks_end", "tasks_end", "engine_asks", "engine_looks"] * 2,
    *["engine_ends"] * 8,
    *["time_passes", "lease_is_taken", "node_restarts", "operator_resumes", "node_slows_down"],
)


class _Story:
    """Six nodes, and two engines that act on what they saw last and on the lease they had last."""

    def __init__(self, bench: Bench) -> None:
        self.now = 1000.0
        self.calls: Counter[str] = Counter()
        """Decrementing calls by node, but for those that were refused."""
        self.nodes = bench.nodes
        for i in range(6):
            self.nodes.add("video", f"i-{i}", slots=2, clock=lambda: self.now)
        self.nodes.step()
        self.engines = {name: bench.registry() for name in "ab"}
        first = self.engines["a"].take("a", self.now, 45)
        assert first is not None
        self.leases = dict.fromkeys("ab", first)
        self.seen: dict[str, Registered] = {}
        self.tokens = itertools.count()
        for name in "ab":
            self.seen[name] = self.engines[name].read(self.now)

    def node_steps(self, rng: Random) -> None:
        self.nodes[f"i-{rng.randrange(6)}"].step()

    def tasks_arrive(self, rng: Random) -> None:
        self.nodes[f"i-{rng.randrange(6)}"].give()

    def tasks_end(self, rng: Random) -> None:
        self.nodes[f"i-{rng.randrange(6)}"].finish()

    def node_restarts(self, rng: Random) -> None:
        self.nodes[f"i-{rng.randrange(6)}"].restart()

    def node_slows_down(self, rng: Random) -> None:
        self.nodes[f"i-{rng.randrange(6)}"].late = rng.randrange(3)

    def operator_resumes(self, rng: Random) -> None:
        self.nodes[f"i-{rng.randrange(6)}"].resume_by_hand()

    def time_passes(self, rng: Random) -> None:
        self.now += rng.uniform(1, 30)

    def lease_is_taken(self, rng: Random) -> None:
        name = rng.choice("ab")
        lease = self.engines[name].take(name, self.now, 45)
        if lease is not None:
            self.leases[name] = lease

    def engine_looks(self, rng: Random) -> None:
        name = rng.choice("ab")
        self.seen[name] = self.engines[name].read(self.now)

    def engine_asks(self, rng: Random) -> None:
        name, node = rng.choice("ab"), f"i-{rng.randrange(6)}"
        wanted = rng.choice((PAUSE, PAUSE, RUN))
        with contextlib.suppress(LostLease):
            token = f"t{next(self.tokens)}"
            self.engines[name].want("video", node, wanted, token, self.leases[name])

    def engine_ends(self, rng: Random) -> None:
        """End what it saw confirmed, whenever that was; now and then the call is refused."""
        name = rng.choice("ab")
        engine, lease = self.engines[name], self.leases[name]
        for seen in self.seen[name].nodes["video"]:
            if not seen.confirmed or seen.confirmed != seen.token:
                continue
            with contextlib.suppress(LostLease):
                if not engine.claim(
                    "video", seen.id, seen.token, self.now, lease, fresh_seconds=60
                ):
                    continue
                node = self.nodes[seen.id]
                assert (node.receiving, node.polling, node.running) == (False, False, [])
                if rng.random() < 0.2:
                    assert engine.unclaim("video", seen.id, lease)
                else:
                    self.calls[seen.id] += 1
