"""What the agent does of what it sees: joining, leaving, being replaced, and who it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

from ops.node.actions import (
    Beat,
    Complete,
    Condemn,
    Identify,
    Leave,
    Peek,
    Speak,
    Tell,
)
from ops.node.memory import kept, restored
from ops.node.sight import Kind, Looked, Noticed, Place, Result, Sight
from ops.node.steps import steps
from ops.registry.word import Heard
from tests.unit.node_agent_parts import (
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


def test_the_joining_hook_waits_for_a_good_poll() -> None:
    world = World(replace(RUNNING, last_poll_age=None))
    assert not of(Complete, world.steps(10))
    world.workers = (RUNNING,)
    assert of(Complete, world.steps(10)) == [Complete("fleet-join", "InService")]
    # Told to pause before its first poll it is as far as it can be.
    world = World()
    world.heard = PAUSE
    world.steps(3)
    world.workers = (paused(),)
    assert of(Complete, world.steps(10)) == [Complete("fleet-join", "InService")]


def test_a_hook_that_is_not_there_is_asked_for_a_few_times() -> None:
    world = World(RUNNING)
    nobody = Result(Complete("fleet-join", "InService"), "no active lifecycle action", ended=True)
    world.broken[Complete] = nobody
    assert len(of(Complete, world.steps(300))) == 6
    world = World(RUNNING)
    world.broken[Complete] = "denied"
    assert 6 < len(of(Complete, world.steps(600))) < 30


def test_a_termination_drains_keeps_its_hook_and_completes_it_when_the_worker_is_gone() -> None:
    world = heard(World(replace(RUNNING, busy=1)), Heard())
    world.target = "Terminated"
    first = world.steps(2)
    (drain, *_) = of(Tell, first)
    assert (drain.verb, drain.spot) == ("drain", False)
    assert drain.within_seconds is not None
    assert 590 < drain.within_seconds <= 600
    assert len(of(Beat, first)) == 1
    world.workers = (replace(RUNNING, phase="draining", busy=1, deadline=drain.within_seconds),)
    later = world.steps(420)
    assert 420 / 25 < len(of(Beat, later)) <= 420 / 20
    assert not of(Complete, later)
    assert not of(Leave, later)
    world.workers = ()
    end = world.steps(5)
    assert [type(each) for each in end if isinstance(each, Leave | Complete)] == [Leave, Complete]
    after = world.steps(100)
    assert not [each for each in after if isinstance(each, Speak | Beat | Leave | Complete)]


def test_an_item_that_the_registry_keeps_is_not_said_to_be_gone() -> None:
    def last_lines(leaving: Result | str) -> list[str]:
        world = heard(World(RUNNING), Heard())
        world.target = "Terminated"
        world.steps(2)
        world.said.clear()
        world.broken[Leave] = leaving
        world.workers = ()
        world.steps(8)
        return [line for line in world.said if "registry" in line or "leave:" in line]

    assert last_lines("") == ["left the registry"]
    stays = "says no more; its item stays in the registry: claimed, or another agent's by now"
    assert last_lines(Result(Leave(), stays=True)) == [stays]
    assert last_lines("denied") == ["leave: denied"]


def test_of_an_agent_killed_at_the_end_the_next_one_registers_and_leaves() -> None:
    first = heard(World(RUNNING), Heard())
    first.target = "Terminated"
    first.steps(2)
    again = World(memory=restored(kept(first.memory), first.now))
    again.target = "Terminated"
    end = [type(each) for each in again.steps(8) if isinstance(each, Speak | Leave | Complete)]
    assert end[:2] == [Speak, Leave]
    assert end.count(Complete) == 1
    again = World(memory=restored(kept(first.memory), first.now))
    again.target = "Terminated"
    again.broken[Speak] = "no answer"
    assert of(Complete, again.steps(20)) == [Complete("fleet-leave")]


def test_an_end_without_a_registry_and_with_a_worker_that_hangs() -> None:
    world = heard(World(RUNNING), Heard())
    world.target = "Terminated"
    world.broken[Leave] = "no answer"
    world.workers = (replace(RUNNING, phase="draining", busy=1, deadline=1.0),)
    assert not of(Complete, world.steps(650))
    end = world.steps(60)
    assert of(Leave, end)
    assert of(Complete, end) == [Complete("fleet-leave")]


def test_the_shortest_hook_is_kept_also_where_two_of_three_beats_are_lost() -> None:
    """Whatever the manifest of the node's release says: the stack's may be lower by now."""
    assert SETTINGS.heartbeat_seconds == 300
    world = heard(World(replace(RUNNING, busy=1)), Heard())
    world.target = "Terminated"
    tried, arrived = 0, [0]
    for second in range(1, 501):
        world.broken = {Beat: "no answer"} if tried % 3 else {}
        beats = len(of(Beat, world.step()))
        tried += beats
        arrived += [second] * beats if not world.broken else []
    assert max(later - earlier for earlier, later in pairwise([*arrived, 500])) < 30


def test_a_hook_bounds_the_drain() -> None:
    world = World(RUNNING)
    world.target = "Terminated"
    long = replace(SETTINGS, drain_budget_seconds=12 * 3600.0, heartbeat_seconds=30.0)
    sight = Sight(WALL, PLACE, Looked(world.now, (RUNNING,)), Noticed(world.now, "Terminated"))
    actions, _ = steps(sight, world.memory, world.now, Random(1), long)
    (drain,) = of(Tell, actions)
    assert drain.within_seconds == 100 * 30 - 60


def test_a_nearer_deadline_replaces_a_later_one_and_never_the_other_way() -> None:
    world = heard(World(RUNNING), Heard())
    world.target = "Terminated"
    world.step()
    world.workers = (replace(RUNNING, phase="draining", deadline=599.0),)
    world.spot = (True, WALL + world.now + 100)
    (tell, *_) = of(Tell, world.steps(2))
    assert tell.spot
    assert tell.within_seconds is not None
    assert 70 <= tell.within_seconds <= 76
    nearest = world.memory.leaves
    assert nearest is not None
    world.workers = (replace(RUNNING, phase="draining", deadline=70.0, spot=True),)
    for at in (WALL + world.now + 5000, None, WALL + world.now + 119):
        world.spot = (True, at)
        world.step()
        assert world.memory.leaves is not None
        assert world.memory.leaves.deadline <= nearest.deadline
    world.spot = (False, None)
    world.target = "InService"
    world.steps(5)
    assert world.memory.leaves is not None


def test_an_unhealthy_node_is_told_once() -> None:
    world = heard(World(RUNNING), Heard())
    world.broken[Condemn] = "throttled"
    world.dead = (1, 2, 3, 4, 5)
    assert len(of(Condemn, world.steps(10))) >= 2
    del world.broken[Condemn]
    world.steps(10)
    assert not of(Condemn, world.steps(100))
    assert any(said.startswith("told unhealthy: its worker died 5 times") for said in world.said)


def test_a_warm_node_waits_without_a_word() -> None:
    world = World(RUNNING)
    world.target = "Warmed:Stopped"
    world.noticed = False
    assert not of(Speak, world.steps(5))
    world.noticed = True
    world.steps(2)
    world.workers = (paused(reason="agent: in the warm pool"),)
    actions = world.steps(60)
    assert of(Complete, actions) == [Complete("fleet-join", "Warmed:Stopped")]
    assert not of(Speak, actions)
    world.target = "InService"
    actions = world.steps(20)
    assert of(Complete, actions)[:1] == [Complete("fleet-join", "InService")] or of(Tell, actions)
    assert of(Speak, actions)


def test_it_asks_who_it_is_until_it_knows() -> None:
    world = World(RUNNING)
    world.place = None
    world.broken[Identify] = "no answer"
    actions = world.steps(120)
    assert 3 <= len(of(Identify, actions)) <= 20
    assert not [each for each in actions if isinstance(each, Speak | Peek | Complete)]
    world.place = Place("i-1", Kind.INSTANCE, trouble="denied")
    del world.broken[Identify]
    assert of(Identify, world.steps(130))
    world.place = Place("box", Kind.GIVEN)
    actions = world.steps(30)
    assert of(Speak, actions)
    assert not [each for each in actions if isinstance(each, Peek | Complete | Condemn)]
