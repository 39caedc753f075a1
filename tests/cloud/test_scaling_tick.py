"""The engine's tick against the local AWS: one acts, and what fails holds with words."""

from __future__ import annotations

import gc
import json
import os
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from ops.aws import session_of
from ops.registry.changes import Remember
from ops.registry.registry import Registry
from ops.scaling.capacity_ec2 import AutoScalingCapacity
from ops.scaling.capacity_ecs import ServiceCapacity
from ops.scaling.engine import Engine
from ops.scaling.journal import FULL_EVERY
from ops.scaling.looking import Parts, look
from ops.scaling.memories import packed, unpacked
from ops.scaling.memory import Memory
from ops.scaling.model import Pin
from ops.scaling.replay import Replayed, replay
from ops.scaling.signals import Clients, Signals
from ops.scaling.told import Told
from tests.cloud.scaling_account import Account, environment_of
from tests.faulty import Fault, Faulty
from tests.nodes import Nodes

TICK = 15.0
LEASE = 45.0


class Lines:
    """A journal in memory."""

    fresh = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, lines: Any, now: float) -> str:
        self.lines += lines
        return ""

    def close(self) -> None:
        pass


class Clock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@contextmanager
def parts_of(account: Account) -> Iterator[Parts]:
    fleet = account.fleet
    with environment_of(account.proxy.url):
        session = session_of(fleet)
        capacities: Mapping[str, Any] = {
            "ec2": AutoScalingCapacity.of(fleet, session=session),
            "ecs": ServiceCapacity.of(fleet, session=session),
        }
        registry = account.registry()
        with Signals(fleet, account.settings, Clients.of(fleet, session), registry) as signals:
            yield Parts(account.settings, signals, registry, capacities)


class Fleet:
    """An engine on an account, the nodes that follow its groups, and the clock of both."""

    def __init__(self, account: Account, parts: Parts, clock: Clock | None = None) -> None:
        self.account, self.parts = account, parts
        self.clock = Clock() if clock is None else clock
        self.journal = Lines()
        self.engine = Engine(
            parts, tick_seconds=TICK, lease_seconds=LEASE, journal=self.journal, clock=self.clock
        )
        self.nodes = Nodes(account.client("dynamodb"), account.table, account.name)

    def send(self, queue: str, count: int) -> None:
        sqs = self.account.client("sqs")
        url = sqs.get_queue_url(QueueName=self.account.fleet.physical_name(queue))["QueueUrl"]
        for _ in range(count):
            sqs.send_message(QueueUrl=url, MessageBody="x")

    def purge(self, queue: str) -> None:
        sqs = self.account.client("sqs")
        url = sqs.get_queue_url(QueueName=self.account.fleet.physical_name(queue))["QueueUrl"]
        sqs.purge_queue(QueueUrl=url)

    def follow(self) -> None:
        for queue in self.account.queues:
            there = self.account.instances(queue)
            self.nodes.follow(queue, f"{self.account.name}-{queue}", there, clock=self.clock)
        self.nodes.step()

    def pass_by(self, seconds: float) -> None:
        """Time goes by, and the nodes speak."""
        self.clock.now += seconds
        self.follow()

    def why(self, queue: str) -> str:
        return self.engine.tick().queues[queue].decision.why


@pytest.fixture
def account(aws: str) -> Iterator[Account]:
    with Faulty(aws) as proxy:
        account = Account(aws, proxy, ["mail", "video"])
        account.create(maximum=7)
        yield account


@pytest.fixture
def on(account: Account) -> Iterator[Fleet]:
    with parts_of(account) as parts:
        yield Fleet(account, parts)


def test_out_and_in_again(on: Fleet) -> None:
    """From nothing to what the work needs and back to nothing, and no task is killed."""
    on.send("video", 9)
    ticked = on.engine.tick()
    assert ticked.acts
    assert ticked.troubles == ()
    assert on.account.group("video")["DesiredCapacity"] == 3
    assert on.account.group("mail")["DesiredCapacity"] == 0
    assert on.why("video").startswith("hold")  # they boot
    on.pass_by(200)
    on.pass_by(15)
    for node in on.nodes:
        assert node.give(3) == 3
    assert on.why("video").startswith("hold")
    on.purge("video")
    busiest, *others = on.nodes
    for node in others:
        node.finish()
    busiest.finish(2)
    seen = []
    for _ in range(12):
        on.pass_by(60)
        seen.append(on.engine.tick())
        on.follow()
        if on.account.group("video")["DesiredCapacity"] == 1:
            break
    assert list(on.nodes) == [busiest]
    busiest.finish()
    for _ in range(12):
        on.pass_by(60)
        seen.append(on.engine.tick())
        on.follow()
        if not on.account.instances("video"):
            break
    assert on.account.group("video")["DesiredCapacity"] == 0
    assert (on.nodes.killed, on.nodes.wrongs) == (0, [])
    ends = on.account.proxy.calls("TerminateInstanceInAutoScalingGroup")
    assert len(ends) == 3
    assert all(b"ShouldDecrementDesiredCapacity=true" in call.body for call in ends)
    assert {out.result for t in seen for q in t.queues.values() for out in q.outcomes} == {"done"}
    found = Replayed()
    list(replay(on.journal.lines, found))
    assert (found.differ, found.unread) == (0, {})
    assert found.decisions == 2 * (4 + len(seen) - 1)


def test_only_the_holder_of_the_lease_acts(on: Fleet) -> None:
    other = Fleet(on.account, on.parts, on.clock)
    assert on.engine.tick().acts
    on.send("video", 4)
    assert not other.engine.tick().acts
    assert (other.journal.lines, on.account.group("video")["DesiredCapacity"]) == ([], 0)
    on.clock.now += LEASE + 1
    assert other.engine.tick().acts
    assert on.account.group("video")["DesiredCapacity"] == 1
    assert not on.engine.tick().acts
    on.engine.release()  # it is not its own any more: nothing happens
    assert other.engine.tick().acts
    other.engine.release()
    assert on.engine.tick().acts


def test_who_takes_over_remembers(on: Fleet) -> None:
    on.send("video", 4)
    on.engine.tick()
    launched = on.clock.now
    on.engine.release()
    other = Fleet(on.account, on.parts, on.clock)
    other.clock.now += 20
    tick = other.engine.tick().queues["video"]
    assert tick.before is not None
    assert Memory.from_text(tick.before).launched_at == pytest.approx(launched, abs=0.01)


@pytest.mark.parametrize("text", ["[", "null", '{"durations": 3}', "z:AAAA", "\x00"])
def test_a_memory_that_is_none_starts_anew_and_says_so(on: Fleet, text: str) -> None:
    registry = on.account.registry(counted=False)
    lease = registry.take("someone", on.clock.now - 60, 30)
    assert lease is not None
    registry.write([Remember("video", text)], lease)
    tick = on.engine.tick().queues["video"]
    assert tick.notes[0].startswith("the registry holds no memory of it, it starts with an empty ")
    assert tick.decision.why.startswith("hold: depth")
    on.clock.now += 61
    on.engine.tick()
    kept = registry.read(on.clock.now).memories["video"]
    assert Memory.from_text(kept)
    found = Replayed()
    list(replay(on.journal.lines, found))
    assert (found.decisions, found.differ) == (4, 0)


def test_what_is_long_is_kept_packed(on: Fleet) -> None:
    memory = Memory(first_seen={f"i-{n:017x}": on.clock.now for n in range(300)})
    registry = on.account.registry(counted=False)
    lease = registry.take("someone", on.clock.now - 60, 30)
    assert lease is not None
    text = memory.to_text()
    assert len(packed(text)) < len(text) / 2
    registry.write([Remember("video", packed(text))], lease)
    assert on.engine.tick().queues["video"].before == text


def test_memories_are_written_when_something_was_done_or_learnt(on: Fleet) -> None:
    def written() -> int:
        calls = on.account.proxy.calls("TransactWriteItems")
        on.account.proxy.forget()
        return len(calls)

    on.engine.tick()
    assert written() == 1  # of both queues, new as they are
    for _ in range(10):
        on.clock.now += 15
        on.engine.tick()
    assert written() == 0  # time passes, and no node comes or goes
    on.send("video", 1)
    on.clock.now += 15
    on.engine.tick()
    assert written() == 1  # a launch
    on.clock.now += 15
    on.engine.tick()
    assert written() == 0  # the node is there
    on.clock.now += 60
    on.engine.tick()
    assert written() == 1
    on.clock.now += 601
    on.engine.tick()
    assert written() == 1


def test_a_pin_holds_until_it_ends(on: Fleet) -> None:
    on.parts.registry.pin("video", Pin(2, on.clock.now + 60, "ada"))
    assert "pinned at 2 nodes by ada" in on.why("video")
    assert on.account.group("video")["DesiredCapacity"] == 2
    on.pass_by(61)
    assert "pin" not in on.why("video").replace("pinned at", "pin")


@pytest.mark.parametrize(
    ("fault", "queue", "said"),
    [
        (Fault("error", action="GetQueueAttributes", code="AccessDenied"), "video", "denied"),
        (
            Fault("error", action="DescribeAutoScalingGroups", code="Throttling"),
            "mail",
            "hold: the group is not known: throttled",
        ),
        (Fault("error", action="Query", code="AccessDeniedException"), "video", "hold: what is"),
        (Fault("cut", action="DescribeAutoScalingGroups"), "video", "hold: the group is not known"),
    ],
    ids=["counts denied", "groups throttled", "registry denied", "groups cut"],
)
def test_what_is_not_known_holds_and_says_why(
    on: Fleet, fault: Fault, queue: str, said: str
) -> None:
    on.send("video", 4)
    on.account.proxy.fail(fault)
    ticked = on.engine.tick()
    assert ticked.acts
    assert ticked.queues[queue].decision.actions == ()
    assert said in ticked.queues[queue].decision.why
    assert on.account.group("video")["DesiredCapacity"] == 0
    on.account.proxy.clear()
    on.clock.now += 15
    on.engine.tick()
    assert on.account.group("video")["DesiredCapacity"] == 1


def test_one_queue_that_cannot_be_read_leaves_the_others(on: Fleet) -> None:
    on.send("video", 4)
    on.send("mail", 4)
    on.account.proxy.fail(
        Fault("error", action="GetQueueAttributes", code="AccessDenied", contains="-mail")
    )
    ticked = on.engine.tick()
    assert "the counts are not known: denied" in ticked.queues["mail"].decision.why
    assert on.account.group("video")["DesiredCapacity"] == 1


def test_one_that_cannot_be_decided_leaves_the_others(on: Fleet) -> None:
    """A defect is shown, and stays where it is."""
    broken = on.parts.settings["mail"]
    object.__setattr__(broken, "windows", 3)
    on.send("video", 4)
    ticked = on.engine.tick()
    why = ticked.queues["mail"].decision.why
    assert why.startswith("hold: deciding failed, report this: TypeError: ")
    assert ".py:" in why
    assert on.account.group("video")["DesiredCapacity"] == 1


@pytest.mark.parametrize("action", ["SetDesiredCapacity"])
def test_what_is_refused_is_told_and_done_later(on: Fleet, action: str) -> None:
    on.send("video", 4)
    on.account.proxy.fail(Fault("error", action=action, code="Throttling", calls=1))
    (out,) = on.engine.tick().queues["video"].outcomes
    assert (out.result, out.why) == ("refused", f"throttled: autoscaling:{action}")
    on.clock.now += 15
    (out,) = on.engine.tick().queues["video"].outcomes
    assert out.result == "done"


def test_nothing_cools_down_after_a_launch_that_was_refused(on: Fleet) -> None:
    def remembered() -> Memory:
        memories = on.parts.registry.read(on.clock.now).memories
        return Memory.from_text(unpacked(memories["video"]))

    on.send("video", 4)
    on.account.proxy.fail(Fault("error", action="SetDesiredCapacity", code="Throttling"))
    # So many that every queue has had a second full line, with its memory.
    for _ in range(FULL_EVERY + 1):
        ticked = on.engine.tick()
        assert [each.result for each in ticked.queues["video"].outcomes] == ["refused"]
        assert remembered().launched_at is None
        on.clock.now += TICK
    on.account.proxy.clear()
    ticked = on.engine.tick()
    assert [each.result for each in ticked.queues["video"].outcomes] == ["done"]
    assert remembered().launched_at == ticked.at
    found = Replayed()
    list(replay(on.journal.lines, found))
    assert (found.decisions, found.differ, found.unread) == (2 * (FULL_EVERY + 2), 0, {})


def test_without_the_registry_the_lease_lasts_as_long_as_it_does(on: Fleet) -> None:
    on.engine.tick()
    on.send("video", 4)
    for action in ("UpdateItem", "Query", "TransactWriteItems"):
        on.account.proxy.fail(Fault("error", action=action, code="InternalServerError"))
    ticked = on.engine.tick()
    assert ticked.acts
    assert any(t.startswith("the lease cannot be renewed: ") for t in ticked.troubles)
    assert any(t.startswith("not remembered: ") for t in ticked.troubles)
    assert on.account.group("video")["DesiredCapacity"] == 1


def test_without_the_registry_from_the_start_nobody_acts(on: Fleet) -> None:
    on.account.proxy.fail(Fault("error", action="UpdateItem", code="AccessDeniedException"))
    told = Told()
    ticked = on.engine.tick()
    assert not ticked.acts
    (said,) = told.talk(ticked)
    assert "allow dynamodb:UpdateItem" in said
    assert list(told.talk(on.engine.tick())) == []


def test_a_lease_lost_in_the_middle_stops_what_would_be_done(on: Fleet) -> None:
    on.engine.tick()
    on.send("video", 4)
    thief = on.account.registry(counted=False)
    real_read = Registry.read

    def taken_meanwhile() -> None:
        assert thief.take("thief", on.clock.now + LEASE + 1, 60) is not None

    class Taken(Registry):
        """Another engine takes over while the signals are read: its clock is far ahead."""

        def read(self, now: float, *, memories: bool = True) -> Any:
            with suppress(AssertionError):
                taken_meanwhile()
            return real_read(self, now, memories=memories)

    on.parts.registry.__class__ = Taken
    ticked = on.engine.tick()
    assert not ticked.acts
    assert "another engine acts, and this one changes nothing" in ticked.troubles[-1]
    assert on.account.group("video")["DesiredCapacity"] == 0


def test_memories_are_read_as_the_lease_is_taken_over_and_not_each_tick(on: Fleet) -> None:
    def whole() -> list[bool]:
        proxy = on.account.proxy
        found = [b":memories" not in call.body for call in proxy.calls("Query")]
        proxy.forget()
        return found

    for expected in ([True], [False], [False]):
        on.engine.tick()
        assert whole() == expected
        on.clock.now += TICK
    on.engine.release()
    other = on.account.registry(counted=False)
    lease = other.take("other", on.clock.now, 1)
    assert lease is not None
    other.release(lease)
    on.engine.tick()
    assert whole() == [True]


def test_looking_writes_nothing(on: Fleet) -> None:
    on.send("video", 4)
    ticked = look(on.parts, on.clock.now, TICK)
    assert ticked.queues["video"].decision.why.startswith("launch 1: ")
    read = {"GetQueueUrl", "GetQueueAttributes", "DescribeAutoScalingGroups", "Query"}
    assert {call.action for call in on.account.proxy.calls()} <= {*read, "GetMetricData"}
    assert on.account.group("video")["DesiredCapacity"] == 0


def test_services_likewise(aws: str) -> None:
    with Faulty(aws) as proxy:
        account = Account(aws, proxy, ["video"], ecs=True)
        account.create()
        with parts_of(account) as parts:
            on = Fleet(account, parts)
            on.send("video", 7)
            on.engine.tick()
            assert account.service("video")["desiredCount"] == 2
            on.purge("video")
            for _ in range(20):
                on.pass_by(100)
                on.engine.tick()
                on.follow()
                if account.service("video")["desiredCount"] == 0:
                    break
            assert account.service("video")["desiredCount"] == 0
            assert (on.nodes.killed, on.nodes.wrongs) == (0, [])
            found = Replayed()
            list(replay(on.journal.lines, found))
            assert (found.differ, found.unread) == (0, {})


def test_what_is_told_is_told_once(on: Fleet) -> None:
    told = Told()
    on.send("video", 4)
    first = on.engine.tick()
    assert list(told.talk(first)) == ["acting"]
    assert {t.settings.queue for t in told.queues(first)} == {"mail", "video"}
    for number in range(3):
        on.send("mail", 0)
        on.clock.now += 15
        ticked = on.engine.tick()
        assert list(told.talk(ticked)) == []
        news = [json.dumps(t.decision.why) for t in told.queues(ticked)]
        assert len(news) <= (1 if number == 0 else 0), news


def test_it_does_not_grow(on: Fleet) -> None:
    """Ten thousand ticks with FLEET_LONG=1: two days of them."""
    ticks = 10_000 if os.environ.get("FLEET_LONG") else 90

    def turn(times: int) -> int:
        for number in range(times):
            on.clock.now += TICK
            on.send("video", number % 50 == 0)
            assert on.engine.tick().acts
            on.journal.lines.clear()
            if number % 10 == 0:
                on.account.proxy.forget()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    turn(20)
    tracemalloc.start()
    try:
        first = turn(ticks // 3)
        grown = turn(ticks - ticks // 3) - first
    finally:
        tracemalloc.stop()
    assert grown < 150_000, f"{grown} bytes more after {ticks} ticks"
