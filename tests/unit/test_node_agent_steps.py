"""What the agent does of what it sees: its words, and what it does of what it hears."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ops.node.actions import (
    Confirm,
    Mark,
    Speak,
    Tell,
    Withdraw,
)
from ops.node.bounds import FIRST_ANSWER_SECONDS
from ops.node.memory import kept, restored
from ops.node.seen import Seen
from ops.node.sight import Lane, Looked, Result, Sight
from ops.node.steps import steps
from ops.registry.word import Heard
from ops.scaling.model import Wanted
from tests.unit.node_agent_parts import (
    CLAIMED,
    OURS,
    PAUSE,
    PLACE,
    RUNNING,
    SETTINGS,
    WALL,
    World,
    heard,
    of,
    paused,
)


def test_until_it_has_heard_it_keeps_its_workers_from_receiving() -> None:
    world = World(RUNNING)
    world.broken[Speak] = "no answer"
    first = world.step()
    assert of(Mark, first) == [Mark("agent: the registry has not answered yet")]
    assert [tell.verb for tell in of(Tell, first)] == ["pause"]
    world.workers = (paused(),)
    quiet = world.steps(int(FIRST_ANSWER_SECONDS) - 3)
    assert not of(Tell, quiet)
    assert not of(Confirm, quiet)
    after = world.steps(4)
    assert of(Mark, after) == [Mark(None)]
    assert "resume" in [tell.verb for tell in of(Tell, after)]


def test_what_an_agent_before_heard_stands_without_an_answer() -> None:
    for before, told in ((Heard(), []), (PAUSE, ["pause"]), (CLAIMED, ["pause"])):
        known = heard(World(RUNNING), before)
        again = World(RUNNING, memory=restored(kept(known.memory), known.now))
        again.broken[Speak] = "no answer"
        assert {tell.verb for tell in of(Tell, again.steps(100))} == set(told)


def test_what_an_agent_before_heard_is_not_confirmed_before_it_is_heard_again() -> None:
    known = heard(World(RUNNING), PAUSE)
    again = World(paused(), memory=restored(kept(known.memory), known.now))
    again.heard, again.broken[Speak] = PAUSE, "no answer"
    assert not of(Confirm, again.steps(40))
    del again.broken[Speak]
    assert [each.token for each in of(Confirm, again.steps(20))][:1] == ["t1"]


def test_it_pauses_and_confirms_once_nothing_comes_any_more() -> None:
    world = heard(World(RUNNING), PAUSE)
    assert world.memory.marked == OURS
    for still in (
        replace(RUNNING, busy=1),
        paused(quiet=False),
        paused(quiet=False, busy=1),
        paused(reason="held by ops node pause"),
        Seen(7, trouble="timed out"),
    ):
        world.workers = (still,)
        assert not of(Confirm, world.steps(40)), still
    world.workers = (paused(), paused(pid=8, quiet=False))
    assert not of(Confirm, world.steps(40))
    world.workers = (paused(), paused(pid=8))
    (confirm, *_) = of(Confirm, world.steps(2))
    assert (confirm.token, confirm.word.idle, confirm.word.slots) == ("t1", True, 8)
    world.heard = Heard(Wanted.PAUSE, "t1", confirmed="t1")
    world.steps(2)
    assert not of(Confirm, world.steps(40))
    world.heard = Heard(Wanted.RUN, "t2")
    world.steps(16)
    assert not of(Confirm, world.steps(1))
    assert of(Tell, world.steps(1)) or world.memory.marked is None


def test_it_confirms_nothing_while_an_order_is_under_way_that_it_has_not_looked_after() -> None:
    world = heard(World(RUNNING), PAUSE)
    world.workers, world.busy = (paused(),), frozenset({Lane.WORKERS})
    assert not of(Confirm, world.steps(40))
    world.busy = frozenset()
    assert of(Confirm, world.steps(2))


def test_a_node_without_a_worker_confirms_since_one_that_starts_would_be_paused() -> None:
    world = heard(World(), PAUSE)
    assert [each.token for each in of(Confirm, world.steps(20))][:1] == ["t1"]
    world = World()
    world.heard = PAUSE
    world.broken[Mark] = "no space left"
    assert not of(Confirm, world.steps(60))


def test_it_confirms_nothing_until_a_worker_that_starts_would_be_paused() -> None:
    world = World(paused())
    world.heard = PAUSE
    world.broken[Mark] = "no space left"
    assert not of(Confirm, world.steps(60))
    del world.broken[Mark]
    assert [each.token for each in of(Confirm, world.steps(20))][:1] == ["t1"]


def test_a_refused_confirmation_is_tried_again_later_each_time() -> None:
    world = heard(World(paused()), replace(PAUSE, confirmed=""))
    times = []
    for _ in range(200):
        if of(Confirm, world.step()):
            times.append(world.now)
    assert 10 <= len(times) <= 30
    world.broken[Confirm] = "no answer"
    assert len(of(Confirm, world.steps(200))) <= 30


def test_a_word_in_its_time_and_at_once_when_it_falls_idle() -> None:
    world = World(replace(RUNNING, busy=1))
    world.steps(5)
    said = of(Speak, world.steps(60))
    assert 3 <= len(said) <= 5
    world.heard = PAUSE
    while not of(Tell, world.step()):
        pass
    world.workers = (paused(quiet=False, busy=1),)
    assert of(Speak, world.steps(2))[0].word.paused
    world.workers = (paused(),)
    spoken = world.steps(3)
    assert any(each.word.idle for each in spoken if isinstance(each, Speak | Confirm))


def test_that_it_receives_is_said_at_once() -> None:
    world = World()
    world.place = None
    world.step()
    world.place = PLACE
    assert [each.word.paused for each in of(Speak, world.steps(6))] == [True, False]


def test_failed_words_are_said_again_sooner_and_never_too_late() -> None:
    world = World(RUNNING)
    world.steps(5)
    world.broken[Speak] = "throttled"
    assert 10 <= len(of(Speak, world.steps(120))) <= 25
    assert world.said.count("speak: throttled") == 1
    del world.broken[Speak]
    world.steps(20)
    assert "trouble Speak: done again" in world.said


def test_an_operators_hold_is_nobody_elses_to_lift() -> None:
    world = heard(World(RUNNING), Heard())
    world.held, world.workers = "maintenance", (paused(reason="maintenance"),)
    assert not of(Tell, world.steps(40))
    assert world.memory.marked is None
    world.workers = (RUNNING,)
    (tell, *_) = of(Tell, world.steps(2))
    assert (tell.verb, tell.reason) == ("pause", "maintenance")
    # A worker that somebody paused by itself stays so; the one beside it goes on.
    world.held, world.workers = None, (paused(reason="ops node"), replace(RUNNING, pid=8))
    assert not of(Tell, world.steps(40))


def test_it_is_taken_back_before_it_is_resumed() -> None:
    world = heard(World(paused()), PAUSE)
    sight = Sight(WALL, PLACE, Looked(world.now, world.workers), withdrawing=True)
    actions, memory = steps(sight, world.memory, world.now, Random(1), SETTINGS)
    assert of(Withdraw, actions)
    assert not of(Speak, actions)
    result = Result(Withdraw(), heard=Heard(Wanted.RUN, "withdrawn-1"))
    sight = replace(sight, withdrawing=False, results=(result,))
    actions, _ = steps(sight, memory, world.now, Random(1), SETTINGS)
    assert [tell.verb for tell in of(Tell, actions)] == ["resume"]
    assert of(Mark, actions) == [Mark(None)]
