"""What the agent does of what it sees: what holds in every situation."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.node.actions import (
    Beat,
    Complete,
    Condemn,
    Confirm,
    Leave,
    Mark,
    Speak,
    Tell,
)
from ops.node.memory import kept, restored
from ops.node.seen import Seen
from ops.node.sight import Lane
from ops.registry.word import Heard
from ops.scaling.model import Wanted
from tests.unit.node_agent_parts import (
    CLAIMED,
    OURS,
    PAUSE,
    WALL,
    World,
    of,
)

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
