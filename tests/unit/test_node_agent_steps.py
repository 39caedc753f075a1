"""What the agent does of what it sees: situations, and what holds in every one."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.node.actions import (
    Action,
    Beat,
    Complete,
    Condemn,
    Confirm,
    Identify,
    Leave,
    Mark,
    Peek,
    Speak,
    Tell,
    Withdraw,
)
from ops.node.bounds import FIRST_ANSWER_SECONDS
from ops.node.memory import kept, restored
from ops.node.seen import Seen
from ops.node.sight import Kind, Lane, Looked, Noticed, Place, Result, Sight
from ops.node.steps import steps
from ops.registry.word import Heard
from ops.scaling.model import Wanted
from tests.unit.node_agent_parts import OURS, PLACE, RUNNING, SETTINGS, WALL, World, paused

T = TypeVar("T", bound=Action)

PAUSE = Heard(Wanted.PAUSE, "t1")
CLAIMED = Heard(Wanted.END, "t1", claimed=True)


def of(kind: type[T], actions: list[Action]) -> list[T]:
    return [action for action in actions if isinstance(action, kind)]


def heard(world: World, heard: Heard) -> World:
    """Have the world's agent hear this, and act on it once."""
    world.heard = heard
    world.steps(20)
    return world


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
    assert len(of(Beat, later)) == 4
    assert not of(Complete, later)
    assert not of(Leave, later)
    world.workers = ()
    end = world.steps(5)
    assert [type(each) for each in end if isinstance(each, Leave | Complete)] == [Leave, Complete]
    after = world.steps(100)
    assert not [each for each in after if isinstance(each, Speak | Beat | Leave | Complete)]


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
    world.steps(2)
    world.workers = (paused(reason="agent: in the warm pool"),)
    actions = world.steps(60)
    assert of(Complete, actions) == [Complete("fleet-join", "Warmed:Stopped")]
    assert not of(Speak, actions)[1:]
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


# -- what holds whatever happens -----------------------------------------------------------------

SEEN = st.builds(
    Seen,
    pid=st.integers(1, 3),
    trouble=st.sampled_from(["", "", "", "timed out"]),
    phase=st.sampled_from(["starting", "running", "paused", "draining", "leaving"]),
    reason=st.sampled_from([OURS, "ops node"]),
    slots=st.integers(0, 4),
    busy=st.integers(0, 4),
    stopped=st.booleans(),
    quiet=st.booleans(),
    last_poll_age=st.none() | st.floats(0, 1000),
    deadline=st.none() | st.floats(0, 1000),
    spot=st.booleans(),
    begun=st.integers(0, 50),
).map(lambda seen: replace(seen, quiet=seen.quiet and seen.stopped and not seen.busy))
HEARD = st.sampled_from(
    [Heard(), PAUSE, replace(PAUSE, token="t2"), CLAIMED, Heard(Wanted.RUN, "t3")]
)
MOMENT = st.fixed_dictionaries(
    {
        "seconds": st.floats(0.01, 40),
        "workers": st.lists(SEEN, max_size=3, unique_by=lambda seen: seen.pid).map(tuple),
        "held": st.sampled_from([None, None, "maintenance"]),
        "heard": HEARD,
        "target": st.sampled_from([None, "InService", "InService", "Terminated", "Warmed:Stopped"]),
        "spot": st.sampled_from([(False, None), (False, None), (True, None), (True, WALL + 1500)]),
        "busy": st.sets(st.sampled_from(Lane), max_size=2).map(frozenset),
        "failing": st.sets(st.sampled_from([Speak, Confirm, Leave, Beat, Complete, Condemn, Mark])),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(MOMENT, min_size=1, max_size=25))
def test_what_holds_whatever_happens(moments: list[dict[str, object]]) -> None:
    world = World()
    for moment in moments:
        world.workers, world.held = moment["workers"], moment["held"]  # type: ignore[assignment]
        world.heard, world.target = moment["heard"], moment["target"]  # type: ignore[assignment]
        world.spot = moment["spot"]  # type: ignore[assignment]
        world.busy = moment["busy"]  # type: ignore[assignment]
        world.broken = dict.fromkeys(moment["failing"], "failed")  # type: ignore[call-overload]
        before = world.memory.leaves
        actions = world.step(moment["seconds"])  # type: ignore[arg-type]
        leaves, believed = world.memory.leaves, world.memory.speech.heard
        told = of(Tell, actions)
        for lane in (Lane.METADATA, Lane.REGISTRY, Lane.GROUP):
            assert sum(action.lane is lane for action in actions) <= 1
        assert not {action.lane for action in actions} & world.busy
        if before is not None:
            assert leaves is not None
            assert leaves.deadline <= before.deadline
            assert leaves.spot >= before.spot
        for confirm in of(Confirm, actions):
            assert believed is not None
            assert (believed.wanted, believed.token) == (Wanted.PAUSE, confirm.token)
            assert not believed.claimed
            assert all(each.quiet and each.answers for each in world.workers)
            assert leaves is None
            assert world.held is None
            assert world.memory.marked is not None
            assert Lane.WORKERS not in world.busy
        if believed is not None and (believed.claimed or believed.wanted is not Wanted.RUN):
            assert "resume" not in [tell.verb for tell in told]
        if world.held is not None or leaves is not None:
            assert "resume" not in [tell.verb for tell in told]
            assert not (leaves is not None and of(Condemn, actions))
        if leaves is not None:
            assert {tell.verb for tell in told} <= {"drain"}
        for complete in of(Complete, actions):
            if complete.hook == "fleet-leave":
                assert leaves is not None
                assert leaves.terminating
                assert not world.workers or leaves.overdue(world.now)
        if world.memory.speech.left:
            assert not of(Speak, actions)
        again = restored(kept(world.memory), world.now)
        assert (again.speech.heard, again.leaves) == (believed, leaves)
