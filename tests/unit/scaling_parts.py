"""Snapshots of a queue made by hand, and what a decision makes of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from ops.scaling.decide import decide
from ops.scaling.decision import Decision
from ops.scaling.memory import Memory
from ops.scaling.model import (
    Action,
    Counts,
    Forget,
    Group,
    Instance,
    Launch,
    Lifecycle,
    Node,
    Pause,
    Pin,
    QueueSnapshot,
    Reading,
    Replace,
    Resume,
    Terminate,
    Wanted,
)
from ops.scaling.settings import Settings

T = TypeVar("T")

#: Saturday 2026-11-21 14:00 UTC.
NOW = 1_795_269_600.0
TICK = 15.0


def up(id: str, busy: int = 0, slots: int = 4, **more: object) -> Node:
    """A node that receives and spoke five seconds ago."""
    values = {"said_at": NOW - 5, "joined_at": NOW - 3600, **more}
    return Node(id=id, busy=busy, slots=slots, **values)  # type: ignore[arg-type]


def draining(id: str, busy: int = 0, slots: int = 4, **more: object) -> Node:
    """A node that was asked to pause and has; idle ones have not confirmed it yet."""
    return up(id, busy, slots, **{"paused": True, "wanted": Wanted.PAUSE, "token": "t0", **more})


def confirmed(id: str, **more: object) -> Node:
    """A node that may be ended: paused, idle, and it said so."""
    return draining(id, 0, confirmed="t0", **more)


def group_of(
    instances: Sequence[Instance | Node | str],
    desired: int | None = None,
    minimum: int = 0,
    maximum: int = 100,
    suspended: Iterable[str] = (),
) -> Group:
    """A group of these; plain ids and nodes are in service."""
    made = tuple(
        one
        if isinstance(one, Instance)
        else Instance(one if isinstance(one, str) else one.id, Lifecycle.IN_SERVICE)
        for one in instances
    )
    here = sum(one.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE) for one in made)
    wanted = here if desired is None else desired
    return Group("g", wanted, minimum, maximum, made, frozenset(suspended))


def snapshot_of(
    nodes: Sequence[Node] = (),
    visible: int = 0,
    in_flight: int | None = None,
    *,
    group: Group | None = None,
    pin: Pin | None = None,
    now: float = NOW,
    oldest: float | None = None,
) -> QueueSnapshot:
    """All read at `now`, in flight what the nodes run unless said otherwise."""
    running = sum(node.busy for node in nodes)
    return QueueSnapshot(
        "video",
        now,
        Reading(Counts(visible, running if in_flight is None else in_flight, 0), now, "sqs"),
        Reading(oldest, now, "cloudwatch"),
        Reading(group_of(nodes) if group is None else group, now, "autoscaling"),
        Reading(tuple(nodes), now, "dynamodb"),
        pin,
    )


def settings_of(**more: object) -> Settings:
    """Four slots, three minutes of boot, no forecast and no headroom unless said otherwise."""
    values = {"queue": "video", "slots": 4, "predict": "off", "headroom": "off", **more}
    return Settings(**values)  # type: ignore[arg-type]


def decided(
    snapshot: QueueSnapshot,
    settings: Settings | None = None,
    memory: Memory | None = None,
    token: str = "t1",
) -> Decision:
    """What is decided; without a memory, one that has seen nothing."""
    return decide(
        snapshot,
        settings_of() if settings is None else settings,
        Memory() if memory is None else memory,
        token,
    )


def kinds(decision: Decision) -> list[str]:
    """The kinds of its actions, in order."""
    return [action.kind for action in decision.actions]


def nodes_of(decision: Decision, kind: str) -> list[str]:
    """The nodes that its actions of a kind name."""
    return [getattr(a, "node", "") for a in decision.actions if a.kind == kind]


def launched(decision: Decision) -> int:
    """Nodes that it launches."""
    return sum(action.nodes for action in decision.actions if isinstance(action, Launch))


def applied(snapshot: QueueSnapshot, actions: Sequence[Action]) -> QueueSnapshot:
    """The snapshot as AWS and the registry tell it right after the actions were carried out."""
    for action in actions:
        snapshot = _after(snapshot, action)
    return snapshot


def later(snapshot: QueueSnapshot, seconds: float) -> QueueSnapshot:
    """The same found again some time later: every reading and every node's word as much later."""
    nodes = snapshot.nodes.value
    return replace(
        snapshot,
        now=snapshot.now + seconds,
        counts=_later(snapshot.counts, seconds),
        oldest=_later(snapshot.oldest, seconds),
        group=_later(snapshot.group, seconds),
        nodes=replace(
            snapshot.nodes,
            taken_at=snapshot.nodes.taken_at + seconds,
            value=None
            if nodes is None
            else tuple(replace(one, said_at=one.said_at + seconds) for one in nodes),
        ),
    )


def _later(reading: Reading[T], seconds: float) -> Reading[T]:
    return replace(reading, taken_at=reading.taken_at + seconds)


def _after(snapshot: QueueSnapshot, action: Action) -> QueueSnapshot:
    match action:
        case Launch():
            return _group(snapshot, desired=action.desired)
        case Pause(node, token):
            return _node(snapshot, node, wanted=Wanted.PAUSE, token=token, confirmed="")
        case Resume(node, token):
            return _node(snapshot, node, wanted=Wanted.RUN, token=token, confirmed="")
        case Terminate(node):
            ending = _node(snapshot, node, wanted=Wanted.END, claimed_at=snapshot.now)
            group = ending.group.value
            assert group is not None
            return _group(_leaving(ending, node), desired=group.desired - 1)
        case Replace(node):
            return _leaving(snapshot, node)
        case Forget(node):
            nodes = snapshot.nodes.value or ()
            kept = tuple(one for one in nodes if one.id != node)
            return replace(snapshot, nodes=replace(snapshot.nodes, value=kept))


def _group(snapshot: QueueSnapshot, **changes: object) -> QueueSnapshot:
    group = snapshot.group.value
    assert group is not None
    changed = replace(group, **changes)  # type: ignore[arg-type]
    return replace(snapshot, group=replace(snapshot.group, value=changed))


def _leaving(snapshot: QueueSnapshot, node: str) -> QueueSnapshot:
    group = snapshot.group.value
    assert group is not None
    instances = tuple(
        replace(one, lifecycle=Lifecycle.LEAVING) if one.id == node else one
        for one in group.instances
    )
    return _group(snapshot, instances=instances)


def _node(snapshot: QueueSnapshot, node: str, **changes: object) -> QueueSnapshot:
    nodes = snapshot.nodes.value
    assert nodes is not None
    changed = tuple(
        replace(one, **changes) if one.id == node else one  # type: ignore[arg-type]
        for one in nodes
    )
    return replace(snapshot, nodes=replace(snapshot.nodes, value=changed))
