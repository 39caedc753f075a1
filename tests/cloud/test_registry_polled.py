"""When a node last polled, in the table: it comes with a word, and goes with one that lacks it."""

from __future__ import annotations

from random import Random

from ops.registry.node import NodeItem
from ops.registry.word import Word
from tests.cloud.registry_table import Bench


def test_what_a_word_lacks_is_not_kept_from_the_word_before(bench: Bench) -> None:
    node = NodeItem(bench.client, bench.table, bench.fleet, "video", "i-1", rng=Random(1))
    polled = Word(busy=0, slots=4, paused=False, polled=1_795_000_000.25, longest_wait=2.0)
    for word in (polled, Word(busy=0, slots=4, paused=False), polled):
        node.report(word, 1_795_000_001.0)
        (found,) = bench.registry().read(1_795_000_001.0).nodes["video"]
        assert (found.polled, found.longest_wait) == (word.polled, word.longest_wait)


def test_an_item_of_an_older_agent_is_read(bench: Bench) -> None:
    node = NodeItem(bench.client, bench.table, bench.fleet, "video", "i-1", rng=Random(1))
    node.report(Word(busy=1, slots=4, paused=False), 1_795_000_001.0)
    item = bench.item("node#video#i-1")
    assert item is not None
    assert "polled" not in item
    read = bench.registry().read(1_795_000_001.0)
    assert (read.trouble, read.nodes["video"][0].polled) == ((), None)
