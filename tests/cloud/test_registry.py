"""The registry on DynamoDB: the lease, its fence, what a node hears, and when it may be ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from ops.errors import OpsError
from ops.registry.changes import Forget, Remember, Want
from ops.registry.lease import Lease
from ops.registry.node import NodeItem
from ops.registry.registry import Registry
from ops.registry.transact import LostLease
from ops.registry.word import Heard, Word
from ops.scaling.model import Pin, Wanted
from tests.cloud.registry_table import Bench

T = TypeVar("T")
RUN, PAUSE, END = Wanted.RUN, Wanted.PAUSE, Wanted.END
IDLE = Word(busy=0, slots=4, paused=True)
BUSY = Word(busy=1, slots=4, paused=False)


def item_of(bench: Bench, node: str = "i-1") -> NodeItem:
    return NodeItem(bench.client, bench.table, bench.fleet, "video", node, group="media-video")


def confirmed(bench: Bench, engine: Registry, lease: Lease, token: str = "t1") -> NodeItem:
    """A node that confirmed a token."""
    node = item_of(bench)
    node.report(IDLE, time.time())
    assert engine.want("video", "i-1", PAUSE, token, lease)
    assert node.confirm(token, IDLE, time.time()).confirmed == token
    return node


def claim(engine: Registry, lease: Lease, token: str = "t1", later: float = 0) -> bool:
    return engine.claim("video", "i-1", token, time.time() + later, lease, fresh_seconds=30)


def at_once(calls: int, call: Callable[[int], T]) -> list[T]:
    """Make calls side by side, begun at the same moment."""
    gate = threading.Barrier(calls)

    def begin(number: int) -> T:
        gate.wait()
        return call(number)

    with ThreadPoolExecutor(calls) as threads:
        return list(threads.map(begin, range(calls)))


# -- the lease -------------------------------------------------------------------------------------


def test_one_holds_the_lease_and_the_next_has_a_higher_generation(engine: Registry) -> None:
    assert engine.take("a", 100.0, 45) == Lease("a", 1, 145.0)
    assert engine.take("b", 144.9, 45) is None
    assert engine.take("a", 130.0, 45) == Lease("a", 1, 175.0)
    assert engine.take("b", 145.0, 45) is None
    assert engine.take("b", 175.0, 45) == Lease("b", 2, 220.0)
    assert engine.take("a", 176.0, 45) is None
    assert engine.read(176.0).lease == Lease("b", 2, 220.0)


def test_a_released_lease_is_anyones_at_once(engine: Registry) -> None:
    lease = engine.take("a", 100.0, 45)
    assert lease is not None
    engine.release(lease)
    assert engine.take("b", 100.0, 45) == Lease("b", 2, 145.0)
    engine.release(lease)  # which is not the lease any more
    assert engine.take("a", 100.0, 45) is None


def test_a_lapsed_lease_is_taken_by_one_of_many(bench: Bench) -> None:
    engines = [bench.registry() for _ in range(8)]
    for now, generation in ((100.0, 1), (200.0, 2)):
        taken = at_once(8, lambda i, now=now: engines[i].take(f"{now}-{i}", now, 45))  # type: ignore[misc]
        (lease,) = [lease for lease in taken if lease is not None]
        assert lease.generation == generation


@pytest.mark.parametrize(("holder", "seconds"), [("", 45), ("h" * 257, 45), ("a", 0), ("a", 901)])
def test_leases_that_are_none(engine: Registry, holder: str, seconds: float) -> None:
    with pytest.raises(ValueError, match="expected a"):
        engine.take(holder, 100.0, seconds)


def test_a_malformed_lease_is_named(bench: Bench, engine: Registry) -> None:
    bench.put("engine", holder={"S": "a"}, generation={"S": "1"}, expires={"N": "1"})
    with pytest.raises(OpsError, match=r"-registry: generation: expected a number, got \{'S': '1'"):
        engine.take("b", 100.0, 45)


# -- the fence -------------------------------------------------------------------------------------


def test_an_engine_that_lost_its_lease_changes_nothing(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    before = engine.read(time.time())
    assert bench.registry().take("b", lease.expires, 60) is not None
    stale: list[Callable[[], Any]] = [
        lambda: engine.want("video", "i-1", RUN, "t2", lease),
        lambda: engine.want("video", "i-none", RUN, "t2", lease),
        lambda: claim(engine, lease),
        lambda: engine.unclaim("video", "i-1", lease),
        lambda: engine.forget("video", "i-1", lease),
        lambda: engine.remember("video", "{}", lease),
    ]
    for call in stale:
        with pytest.raises(LostLease, match=r"expected the lease of generation 1, got 2 of b: "):
            call()
    after = engine.read(before.read_at)
    assert (after.nodes, after.memories) == (before.nodes, before.memories)
    assert node.report(IDLE, time.time()) == Heard(PAUSE, "t1", False, "t1")


def test_a_claim_under_a_lease_that_nobody_took_but_that_lapsed(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    confirmed(bench, engine, lease)
    with pytest.raises(LostLease, match="expected a lease that holds, got one that lapsed 5 s ago"):
        engine.claim("video", "i-1", "t1", lease.expires + 5, lease, fresh_seconds=9e9)
    assert not item_of(bench).report(IDLE, time.time()).claimed


def test_without_a_lease_item_nothing_is_written(bench: Bench, engine: Registry) -> None:
    with pytest.raises(LostLease, match="got none of nobody"):
        engine.remember("video", "{}", Lease("a", 1, time.time() + 60))
    assert bench.item("queue#video") is None


# -- what is wanted, confirmed and claimed ---------------------------------------------------------


def test_the_whole_way_down(bench: Bench, engine: Registry, lease: Lease) -> None:
    node = item_of(bench)
    assert node.report(BUSY, time.time()) == Heard(RUN, "", False, "")
    assert engine.want("video", "i-1", PAUSE, "t1", lease)
    assert node.report(BUSY, time.time()) == Heard(PAUSE, "t1", False, "")
    assert not claim(engine, lease)
    assert node.confirm("t1", IDLE, time.time()) == Heard(PAUSE, "t1", False, "t1")
    now = time.time()
    (seen,) = engine.read(now).nodes["video"]
    assert (seen.paused, seen.busy, seen.confirmed) == (True, 0, "t1")
    assert engine.claim("video", "i-1", "t1", now, lease, fresh_seconds=30)
    (seen,) = engine.read(now).nodes["video"]
    assert (seen.wanted, seen.claimed_at) == (END, round(now, 3))
    item = bench.item("node#video#i-1")
    assert item is not None
    assert item["claimed_by"] == {"N": "1"}
    assert node.report(IDLE, time.time()) == Heard(END, "t1", True, "t1")
    assert not claim(engine, lease)
    engine.forget("video", "i-1", lease)
    assert engine.read(now).nodes == {}


@pytest.mark.parametrize(
    ("spoils", "says"),
    [
        ("wanted", "run"),
        ("token", "t2"),
        ("older", None),
        ("busy", BUSY),
        ("paused but busy", Word(busy=1, slots=4, paused=True)),
        ("resumed", Word(busy=0, slots=4, paused=False)),
    ],
)
def test_what_refuses_a_claim(
    bench: Bench, engine: Registry, lease: Lease, spoils: str, says: Any
) -> None:
    node = confirmed(bench, engine, lease)
    later = 0.0
    match spoils:
        case "wanted":
            engine.want("video", "i-1", RUN, "t2", lease)
        case "token":
            engine.want("video", "i-1", PAUSE, says, lease)
        case "older":
            later = 31.0
        case _:
            assert node.report(says, time.time()).confirmed == ""
    assert not claim(engine, lease, later=later)
    assert not node.report(IDLE, time.time()).claimed
    # As soon as it confirms again what is asked now, it may be claimed.
    engine.want("video", "i-1", PAUSE, "t3", lease)
    node.confirm("t3", IDLE, time.time())
    assert claim(engine, lease, "t3")


def test_each_condition_of_a_claim_is_enough_to_refuse_it(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    """Items as nobody writes them: one attribute is off, whatever the others say."""
    now = time.time()
    fits: dict[str, Any] = {
        "wanted": {"S": "pause"},
        "token": {"S": "t1"},
        "confirmed": {"S": "t1"},
        "paused": {"BOOL": True},
        "busy": {"N": "0"},
        "said_at": {"N": str(now)},
    }
    for off in (
        {"wanted": {"S": "run"}},
        {"token": {"S": "t2"}},
        {"confirmed": {"S": "t2"}},
        {"paused": {"BOOL": False}},
        {"busy": {"N": "1"}},
        {"said_at": {"N": str(now - 31)}},
        {"claimed_at": {"N": str(now - 9)}},
    ):
        bench.put("node#video#i-1", **{**fits, **off})
        assert not engine.claim("video", "i-1", "t1", now, lease, fresh_seconds=30), off
    bench.put("node#video#i-1", **fits)
    assert engine.claim("video", "i-1", "t1", now, lease, fresh_seconds=30)


def test_of_many_claims_at_once_one_holds(bench: Bench, engine: Registry, lease: Lease) -> None:
    confirmed(bench, engine, lease)
    engines = [bench.registry() for _ in range(8)]
    assert sorted(at_once(8, lambda i: claim(engines[i], lease))) == [False] * 7 + [True]


def test_an_old_token_is_not_confirmed(bench: Bench, engine: Registry, lease: Lease) -> None:
    node = item_of(bench)
    node.report(IDLE, time.time())
    engine.want("video", "i-1", PAUSE, "t1", lease)
    engine.want("video", "i-1", PAUSE, "t2", lease)
    assert node.confirm("t1", IDLE, time.time()) == Heard(PAUSE, "t2", False, "")
    assert not claim(engine, lease)
    assert not claim(engine, lease, "t2")
    with pytest.raises(ValueError, match="expected a word of a paused and idle node, got 1 busy"):
        node.confirm("t2", Word(busy=1, slots=4, paused=True), time.time())


def test_a_token_used_again_is_confirmed_again(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    confirmed(bench, engine, lease)
    engine.want("video", "i-1", RUN, "t2", lease)
    engine.want("video", "i-1", PAUSE, "t1", lease)
    assert not claim(engine, lease)


def test_a_claimed_node_is_not_asked_for_anything_else(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    assert claim(engine, lease)
    claimed = Heard(END, "t1", True, "t1")
    assert node.withdraw() == node.confirm("t1", IDLE, time.time()) == claimed
    assert not engine.want("video", "i-1", RUN, "t2", lease)
    assert not engine.want("video", "i-1", PAUSE, "t2", lease)
    assert not engine.want("video", "i-none", PAUSE, "t2", lease)
    assert bench.item("node#video#i-none") is None


def test_a_claim_is_given_up_by_its_claimer_alone(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    assert not engine.unclaim("video", "i-1", lease)
    assert claim(engine, lease)
    other = bench.registry()
    taken = other.take("b", lease.expires, 60)
    assert taken is not None
    assert not other.unclaim("video", "i-1", taken)
    other.release(taken)
    # The first is back under another generation: its claim is another generation's as well.
    again = engine.take("a", time.time(), 60)
    assert again is not None
    assert not engine.unclaim("video", "i-1", again)
    assert node.report(IDLE, time.time()).claimed


def test_a_claim_that_was_given_up_can_be_claimed_or_resumed(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    assert claim(engine, lease)
    assert engine.unclaim("video", "i-1", lease)
    assert node.report(IDLE, time.time()) == Heard(PAUSE, "t1", False, "t1")
    assert claim(engine, lease)
    assert engine.unclaim("video", "i-1", lease)
    assert engine.want("video", "i-1", RUN, "t2", lease)
    assert node.report(IDLE, time.time()) == Heard(RUN, "t2", False, "")


def test_an_engine_paused_between_claim_and_call(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    """The claim is there for the other to see, who cannot claim again."""
    node = confirmed(bench, engine, lease)
    assert claim(engine, lease)
    other = bench.registry()
    now = lease.expires
    taken = other.take("b", now, 60)
    assert taken is not None
    (seen,) = other.read(now).nodes["video"]
    assert seen.claimed_at is not None
    assert not other.claim("video", "i-1", "t1", now, taken, fresh_seconds=9e9)
    assert not other.want("video", "i-1", PAUSE, "t2", taken)
    with pytest.raises(LostLease):
        engine.unclaim("video", "i-1", lease)
    assert node.report(IDLE, time.time()).claimed


# -- a node that comes, goes and comes back --------------------------------------------------------


def test_a_node_that_restarts_stays_paused_and_confirms_anew(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    before = confirmed(bench, engine, lease)
    joined = engine.read(time.time()).nodes["video"][0].joined_at
    node = item_of(bench)
    assert node.report(IDLE, time.time()) == Heard(PAUSE, "t1", False, "")
    assert not claim(engine, lease)
    # What the process before had still on its way is refused.
    assert before.confirm("t1", IDLE, time.time()).confirmed == ""
    assert not before.leave()
    assert node.confirm("t1", IDLE, time.time()).confirmed == "t1"
    assert claim(engine, lease)
    assert item_of(bench).report(IDLE, time.time()) == Heard(END, "t1", True, "")
    assert engine.read(time.time()).nodes["video"][0].joined_at == joined


def test_two_processes_of_one_node_confirm_nothing_for_each_other(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    first = confirmed(bench, engine, lease)
    second = item_of(bench)
    second.report(BUSY, time.time())
    assert first.report(IDLE, time.time()).confirmed == ""  # registered again
    assert second.report(IDLE, time.time()).confirmed == ""
    assert first.confirm("t1", IDLE, time.time()).confirmed == ""
    assert not claim(engine, lease)


def test_a_node_that_leaves_is_gone_and_a_claimed_one_is_not(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    assert node.leave()
    assert bench.item("node#video#i-1") is None
    assert not claim(engine, lease)
    node = confirmed(bench, engine, lease, "t2")
    assert claim(engine, lease, "t2")
    assert not node.leave()
    assert item_of(bench).report(IDLE, time.time()).claimed


def test_a_forgotten_node_that_speaks_is_asked_what_it_was_asked(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    engine.forget("video", "i-1", lease)
    assert node.confirm("t1", IDLE, time.time()) == Heard(PAUSE, "t1", False, "t1")  # as last heard
    assert bench.item("node#video#i-1") is None
    assert node.report(IDLE, time.time()) == Heard(PAUSE, "t1", False, "")
    assert engine.want("video", "i-1", RUN, "t2", lease)
    assert node.report(IDLE, time.time()).wanted is RUN


def test_a_claimed_node_that_is_forgotten_says_no_more(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    node = confirmed(bench, engine, lease)
    assert claim(engine, lease)
    assert node.report(IDLE, time.time()).claimed
    engine.forget("video", "i-1", lease)
    assert node.report(IDLE, time.time()).claimed
    assert node.report(IDLE, time.time()).claimed
    assert node.withdraw().claimed
    assert bench.item("node#video#i-1") is None


def test_an_operator_takes_a_node_back(bench: Bench, engine: Registry, lease: Lease) -> None:
    node = confirmed(bench, engine, lease)
    heard = node.withdraw()
    assert (heard.wanted, heard.claimed, heard.confirmed) == (RUN, False, "")
    assert not claim(engine, lease)
    assert node.confirm("t1", IDLE, time.time()).confirmed == ""
    assert node.report(BUSY, time.time()).wanted is RUN
    assert item_of(bench, "i-new").withdraw() == Heard()


def test_a_resume_by_hand_against_a_claim(bench: Bench, engine: Registry, lease: Lease) -> None:
    """Whichever comes first, the other is refused; never do both hold."""
    other = bench.registry()
    won = set()
    for attempt in range(6):
        token = f"t{attempt}"
        node = confirmed(bench, engine, lease, token)
        calls: list[Callable[[], bool]] = [
            lambda token=token: claim(other, lease, token),  # type: ignore[misc]
            lambda node=node: not node.withdraw().claimed,  # type: ignore[misc]
        ]
        order = calls if attempt % 2 else calls[::-1]
        first, second = at_once(2, lambda i, order=order: order[i]())  # type: ignore[misc]
        assert first is not second
        claimed = item_of(bench).report(IDLE, time.time()).claimed
        assert claimed is (first if attempt % 2 else second)
        won.add(claimed)
        if claimed:
            assert engine.unclaim("video", "i-1", lease)


# -- everything else in the table ------------------------------------------------------------------


def test_memories_and_pins(engine: Registry, lease: Lease) -> None:
    engine.remember("video", '{"a": 1}', lease)
    engine.remember("video", '{"a": 2}', lease)
    engine.pin("video", Pin(5, 200.5, "me"))
    engine.pin("mail", Pin(0, None))
    found = engine.read(100.0)
    assert found.memories == {"video": '{"a": 2}'}
    assert found.pins == {"video": Pin(5, 200.5, "me"), "mail": Pin(0, None)}
    engine.unpin("mail")
    engine.unpin("ghost")
    assert engine.read(100.0).pins == {"video": Pin(5, 200.5, "me")}


def test_many_changes_take_few_calls_and_only_the_refused_ones_are_left_out(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    for name in ("i-1", "i-3"):
        item_of(bench, name).report(BUSY, time.time())
    bench.proxy.forget()
    memories = [Remember(f"q{i}", str(i)) for i in range(80)]
    wants = [Want("video", f"i-{i}", PAUSE, "t1") for i in range(5)]
    refused = engine.write([*memories, *wants, Forget("video", "i-9")], lease)
    assert [each.change for each in refused] == [wants[0], wants[2], wants[4]]
    assert bench.proxy.count("TransactWriteItems") == 4
    found = engine.read(time.time())
    assert len(found.memories) == 80
    assert [node.wanted for node in found.nodes["video"]] == [PAUSE, PAUSE]
    with pytest.raises(ValueError, match="expected changes to different items"):
        engine.write([wants[1], wants[1]], lease)


def test_a_large_registry_is_read_whole_in_few_pages(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    engine.write([Remember(f"q{i:03}", "x" * 16_000) for i in range(100)], lease)
    item_of(bench).report(BUSY, time.time())
    bench.proxy.forget()
    found = engine.read(time.time())
    assert (len(found.memories), len(found.nodes["video"])) == (100, 1)
    queries = bench.proxy.calls("Query")
    assert len(queries) == 2
    assert all(b'"ConsistentRead": true' in query.body for query in queries)


def test_what_changes_each_tick_is_read_without_the_memories(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    engine.write([Remember(f"q{i:03}", "x" * 60_000) for i in range(40)], lease)
    item_of(bench).report(BUSY, time.time())
    engine.pin("video", Pin(3, None, "me"))
    bench.proxy.forget()
    found = engine.read(time.time(), memories=False)
    assert bench.proxy.count("Query") == 1
    assert (len(found.nodes["video"]), found.memories, found.trouble) == (1, {}, ())
    assert found.pins["video"].nodes == 3
    assert found.lease is not None
    assert len(engine.read(time.time()).memories) == 40


def test_malformed_items_are_told_and_the_others_read(
    bench: Bench, engine: Registry, lease: Lease
) -> None:
    item_of(bench).report(BUSY, time.time())
    bench.put("node#video#i-0", busy={"S": "many"})
    bench.put("queue#mail", memory={"B": b"x"})
    found = engine.read(time.time())
    assert [node.id for node in found.nodes["video"]] == ["i-1"]
    assert found.trouble_of("video") == "node#video#i-0: said_at: expected a time, got nothing"
    assert found.trouble_of("mail").startswith("queue#mail: memory: expected a text, got {'B'")
    # A claim does not need to be read to hold, and a node heals its item by speaking.
    item_of(bench, "i-0").report(BUSY, time.time())
    assert engine.read(time.time()).trouble_of("video") == ""
