"""What `decide` never does, whatever it is told. Situations in words are in `situations/`."""

from __future__ import annotations

import copy
import math
import os
from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from ops.scaling.codec import encode
from ops.scaling.decide import decide
from ops.scaling.decision import STALE_SECONDS, WHY_AT_MOST, Decision
from ops.scaling.downwards import REPLACED_AT_MOST
from ops.scaling.drain import FRESH_SECONDS
from ops.scaling.memory import Memory
from ops.scaling.model import Launch, Lifecycle, Node, Reading, Terminate, Wanted
from ops.scaling.standing import SILENT_SECONDS
from ops.scaling.windows import bounds_at
from tests.unit.scaling_cases import Case, cases
from tests.unit.scaling_parts import NOW, TICK, applied, kinds, later, launched, nodes_of

#: What takes something away.
TAKING = {"pause", "terminate", "replace", "forget"}

#: FLEET_QUICK is for another Python, where the same cases would be searched again.
EXAMPLES = 4_000 if os.environ.get("FLEET_LONG") else 40 if os.environ.get("FLEET_QUICK") else 120
anything = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def decided(case: Case, memory: Memory | None = None) -> Decision:
    remembered = case.memory if memory is None else memory
    note(remembered.to_text())
    return decide(case.snapshot, case.settings, remembered, "t1")


def bounds(case: Case) -> tuple[int, int]:
    """The fewest and the most nodes: the manifest's and the group's; a window's if not pinned."""
    if case.snapshot.pin is not None:
        low, high = case.settings.minimum, case.settings.maximum
    else:
        found = bounds_at(case.settings, NOW)
        low, high = found.minimum, found.maximum
    high = min(high, case.group.maximum)
    return min(max(low, case.group.minimum), high), high


def in_service(case: Case) -> dict[str, Node]:
    """What has spoken and is in service, by id."""
    here = {i.id for i in case.group.instances if i.lifecycle is Lifecycle.IN_SERVICE}
    return {id: node for id, node in case.nodes.items() if id in here}


def receives(node: Node) -> bool:
    """Whether it receives: it said so lately, and is wanted to."""
    return node.wanted is Wanted.RUN and not node.paused and NOW - node.said_at <= SILENT_SECONDS


def receiving(case: Case) -> set[str]:
    here = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
    present = {i.id for i in case.group.instances if i.lifecycle in here}
    return {id for id, node in case.nodes.items() if id in present and receives(node)}


def resumable(case: Case) -> set[str]:
    """Draining nodes that still speak."""
    return {
        id
        for id, node in in_service(case).items()
        if node.wanted is Wanted.PAUSE and NOW - node.said_at <= SILENT_SECONDS
    }


known = cases().filter(lambda case: case.snapshot.group.value is not None)


@anything
@given(known)
def test_a_launch_stays_within_every_bound(case: Case) -> None:
    decision = decided(case)
    launches = [action for action in decision.actions if isinstance(action, Launch)]
    assert len(launches) <= 1
    for launch in launches:
        assert 0 < launch.nodes <= case.settings.step_up
        assert launch.desired == case.group.desired + launch.nodes
        assert launch.desired <= bounds(case)[1]
        assert "Launch" not in case.group.suspended


@anything
@given(known)
def test_what_is_paused_leaves_the_minimum_receiving(case: Case) -> None:
    decision = decided(case)
    paused = set(nodes_of(decision, "pause"))
    assert len(paused) <= case.settings.step_down
    assert paused <= receiving(case)
    if paused:
        assert len(receiving(case)) - len(paused) >= bounds(case)[0]
        assert "Terminate" not in case.group.suspended
        assert not paused & {one.id for one in case.group.instances if one.protected}


@anything
@given(known)
def test_what_is_paused_leaves_a_slot_for_all_there_is_to_do(case: Case) -> None:
    case = case.with_settings(policies=frozenset({"depth"}))
    counts = case.snapshot.counts.value
    assume(counts is not None and case.snapshot.pin is None)
    assert counts is not None
    paused = nodes_of(decided(case), "pause")
    needed = _nodes_for(counts.visible + counts.in_flight, case)
    if paused:
        assert len(receiving(case)) - len(paused) >= min(needed, bounds(case)[1])


@anything
@given(known)
def test_only_an_idle_node_that_confirmed_it_is_ended(case: Case) -> None:
    decision = decided(case)
    ended = [action for action in decision.actions if isinstance(action, Terminate)]
    instances = {one.id: one for one in case.group.instances}
    for action in ended:
        node, instance = case.nodes[action.node], instances[action.node]
        assert node.busy == 0
        assert node.paused
        assert node.wanted is Wanted.PAUSE
        assert node.claimed_at is None
        assert node.token == node.confirmed == action.token != ""
        assert NOW - node.said_at <= FRESH_SECONDS
        assert instance.lifecycle is Lifecycle.IN_SERVICE
        assert not instance.protected
    if ended:
        assert case.group.desired - len(ended) >= case.group.minimum
        assert "Terminate" not in case.group.suspended


@anything
@given(cases())
def test_each_node_is_named_once_and_is_one_that_exists(case: Case) -> None:
    decision = decided(case)
    named = Counter(getattr(action, "node", "") for action in decision.actions)
    named.pop("", None)
    assert all(times == 1 for times in named.values())
    assert all("/" not in id for id in named)
    group = case.snapshot.group.value
    instances = {one.id for one in group.instances} if group is not None else set()
    forgotten = set(nodes_of(decision, "forget"))
    assert set(named) - forgotten <= instances
    assert not forgotten & instances
    assert forgotten <= set(case.nodes)


@anything
@given(known)
def test_what_is_claimed_or_held_by_hand_is_left_alone(case: Case) -> None:
    decision = decided(case)
    asked = {id for kind in ("pause", "resume", "terminate") for id in nodes_of(decision, kind)}
    claimed = {id for id, node in case.nodes.items() if node.claimed_at is not None}
    held = {id for id, n in in_service(case).items() if n.paused and n.wanted is Wanted.RUN}
    assert not asked & (claimed | held)
    replaced = set(nodes_of(decision, "replace"))
    assert not replaced & {id for id in held if NOW - case.nodes[id].said_at <= SILENT_SECONDS}


@anything
@given(known, st.sampled_from(("counts", "group", "nodes")), st.sampled_from((STALE_SECONDS, None)))
def test_what_is_stale_or_missing_takes_nothing(case: Case, name: str, age: float | None) -> None:
    found: Reading[object] = getattr(case.snapshot, name)
    assume(found.value is not None)
    old: Reading[object] = Reading(None, NOW, "s", "throttled")
    if age is not None:
        old = replace(found, taken_at=NOW - age - 1)
    decision = decided(case.but(**{name: old}))
    # A node that does not speak is replaced whatever waits: that takes no capacity.
    taking = TAKING - {"replace", "forget"} if name == "counts" else TAKING
    assert not taking & set(kinds(decision))


@anything
@given(known)
def test_an_unknown_age_of_the_oldest_holds_nothing_back(case: Case) -> None:
    quiet = case.snapshot.counts.value is not None and case.snapshot.counts.value.visible == 0
    if not quiet:
        case = case.with_settings(policies=frozenset({"depth"}))
    unknown = case.but(oldest=Reading(None, NOW, "s", "denied"))
    assert decided(unknown).actions == decided(case).actions


@anything
@given(known)
def test_unknown_counts_launch_only_for_a_floor(case: Case) -> None:
    unknown = case.but(counts=Reading(None, NOW, "s", "throttled"))
    decision = decided(unknown)
    pin = case.snapshot.pin
    floor = bounds(case)[0] if pin is None else max(bounds(case)[0], pin.nodes)
    if launched(decision):
        assert len(receiving(case)) < floor
        assert launched(decision) <= 2 * floor


@anything
@given(cases())
def test_an_unknown_group_does_nothing(case: Case) -> None:
    decision = decided(case.but(group=Reading(None, NOW, "s", "denied: allow it")))
    assert decision.actions == ()
    assert decision.why == "hold: the group is not known: denied: allow it"


@anything
@given(known)
def test_unknown_nodes_are_taken_to_work(case: Case) -> None:
    """One throttled read of the registry must not launch the fleet a second time."""
    unknown = case.but(nodes=Reading(None, NOW, "s", "throttled"))
    unknown = unknown.with_settings(headroom="off", predict="off")
    decision = decided(unknown)
    assert set(kinds(decision)) <= {"launch"}
    counts, pin = case.snapshot.counts.value, case.snapshot.pin
    needed = bounds(case)[0] if pin is None else max(bounds(case)[0], pin.nodes)
    waiting = 0
    if counts is not None and pin is None:
        needed = max(needed, _nodes_for(counts.visible + counts.in_flight, case))
        # What waits and is due, under `age`, is for new nodes: who has a free slot is not known.
        waiting = _nodes_for(counts.visible, case) if "age" in case.settings.policies else 0
    most = max(waiting, needed - _in_service_or_coming(case))
    # Twice as many where every other node is lost to spot before it receives.
    assert launched(decision) <= 2 * max(0, most)


def _nodes_for(tasks: int, case: Case) -> int:
    return math.ceil(tasks / case.settings.slots)


def _in_service_or_coming(case: Case) -> int:
    here = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
    return max(case.group.desired, sum(one.lifecycle in here for one in case.group.instances))


@anything
@given(known)
def test_draining_nodes_are_resumed_before_any_is_launched(case: Case) -> None:
    # Free slots to have at hand may be those of a draining node, which stays as it is.
    case = case.with_settings(headroom="off")
    # Of what the registry last said long ago nothing is known.
    assume(case.snapshot.nodes.age(NOW) <= STALE_SECONDS)
    decision = decided(case)
    order = [kind for kind in kinds(decision) if kind in ("resume", "launch")]
    assert order == sorted(order, reverse=True)
    if launched(decision):
        assert resumable(case) <= set(nodes_of(decision, "resume"))
        assert not nodes_of(decision, "terminate")


@anything
@given(known)
def test_a_decision_goes_one_way(case: Case) -> None:
    found = set(kinds(decided(case)))
    assert not ("pause" in found and found & {"launch", "resume"})


@anything
@given(known, st.floats(0, 1_200))
def test_nothing_is_paused_while_a_launch_cools_down(case: Case, ago: float) -> None:
    memory = case.memory
    memory.launched_at, memory.boots = NOW - ago, []
    rest = max(case.settings.cool_down_seconds, case.settings.boot_seconds)
    if ago < rest:
        assert "pause" not in kinds(decided(case, memory))


@anything
@given(known)
def test_few_are_replaced_and_only_those_that_do_not_speak(case: Case) -> None:
    replaced = nodes_of(decided(case), "replace")
    assert len(replaced) <= REPLACED_AT_MOST
    instances = {one.id: one for one in case.group.instances}
    for id in replaced:
        assert instances[id].lifecycle is Lifecycle.IN_SERVICE
        assert not instances[id].protected
        node = case.nodes.get(id)
        if node is not None:
            silent = NOW - node.said_at > SILENT_SECONDS
            assert silent or (node.claimed_at is not None and NOW - node.claimed_at > 120)
    # Without its Launch process, the group would start nothing in their place.
    assert not (replaced and {"Launch", "Terminate"} & case.group.suspended)


@anything
@given(known)
def test_what_was_decided_is_enough(case: Case) -> None:
    """Decided again on its own result, at once and a tick later, there is nothing left to do."""
    # Where less is desired than there is, Auto Scaling is about to end some of it by itself.
    assume(_in_service_or_coming(case) == case.group.desired)
    case = case.with_settings(step_up=10_000, step_down=10_000)
    if any(node.slots != case.settings.slots for node in case.nodes.values()):
        # A launched node may then be larger than the idle one for which it is too much.
        case = case.with_settings(headroom="off")
    memory = case.memory
    # No more is launched for what spot takes, what ran before is what runs, nothing cools down.
    memory.losses, memory.busy, memory.launched_at = 0.0, [], None
    first = decided(case, memory)
    case = replace(case, snapshot=applied(case.snapshot, first.actions))
    second = decided(case, memory)
    assert set(kinds(second)) <= {"replace"}
    once_more = later(applied(case.snapshot, second.actions), TICK)
    third = set(kinds(decided(replace(case, snapshot=once_more), memory))) - {"replace", "forget"}
    # By then a task may be due under `age`, and some of what ran a tick ago is on paused nodes.
    if case.settings.policies == {"depth"}:
        assert not third
    if "pause" in kinds(first):
        assert not {"launch", "resume"} & third


@anything
@given(known)
def test_nothing_is_launched_for_what_those_that_boot_will_take(case: Case) -> None:
    case = case.with_settings(headroom="off", predict="off")
    counts, group = case.snapshot.counts.value, case.group
    assume(counts is not None and case.snapshot.nodes.value is not None)
    assert counts is not None
    up = receiving(case)
    boots = {
        one.id
        for one in group.instances
        if one.id not in case.nodes and one.lifecycle is Lifecycle.PENDING
    }
    free = sum(max(0, n.slots - n.busy) for id, n in case.nodes.items() if id in up)
    slots = case.settings.slots
    covered = free + slots * len(boots) >= counts.visible
    enough = len(up) + len(boots) >= max(bounds(case)[0], 0)
    fills = (len(up) + len(boots)) * slots >= counts.visible + counts.in_flight
    if covered and enough and fills and case.snapshot.pin is None:
        assert not launched(decided(case))


@anything
@given(cases())
def test_every_decision_says_why_on_one_line(case: Case) -> None:
    decision = decided(case)
    done, _, why = decision.why.partition(": ")
    assert why.strip()
    assert len(decision.why) <= WHY_AT_MOST
    assert decision.why.isprintable()
    assert (done == "hold") == (not set(kinds(decision)) - {"forget"})
    verbs = {"terminate": "end"}
    for kind in set(kinds(decision)) - {"forget"}:
        assert verbs.get(kind, kind) in done
    assert all(caution.isprintable() and caution for caution in decision.cautions)


@anything
@given(cases())
def test_the_same_is_decided_on_the_same(case: Case) -> None:
    one, other = case.memory, case.memory
    snapshot = copy.deepcopy(case.snapshot)
    assert decided(case, one) == decided(case, other)
    assert one.to_text() == other.to_text()
    assert case.snapshot == snapshot


@anything
@given(cases())
def test_a_memory_that_was_written_down_decides_the_same(case: Case) -> None:
    text = case.memory.to_text()
    memory, one, other = case.memory, Memory.from_text(text), Memory.from_text(text)
    assert one.to_text() == text
    for snapshot in (case.snapshot, later(case.snapshot, TICK)):
        there = replace(case, snapshot=snapshot)
        decision = decided(there, one)
        assert _said(decision) == _said(decided(there, other))
        # Numbers are written to a millisecond or less: of what is done nothing changes.
        assert decision.actions == decided(there, memory).actions
        one, other = Memory.from_text(one.to_text()), Memory.from_text(other.to_text())


def _said(decision: Decision) -> str:
    return repr(encode(Decision, decision, NOW))
