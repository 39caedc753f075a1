"""What a tick teaches: run times, arrivals, boots and losses, from two snapshots of one queue."""

from __future__ import annotations

import math
from bisect import bisect_right

from ops.scaling.memory import BOOTS_KEPT, Memory
from ops.scaling.model import Group, Lifecycle, Node, QueueSnapshot, Wanted
from ops.scaling.settings import Settings

#: Completions and losses of a day ago count for about a third.
_DAY = 86_400.0
#: A measured boot is believed between these parts of the manifest's.
_BOOT_AT_LEAST, _BOOT_AT_MOST = 0.25, 3.0
#: Ticks are not further apart while an engine acts.
_TICK_AT_MOST = 60.0


def learn(snapshot: QueueSnapshot, memory: Memory) -> int | None:
    """Bring a queue's memory up to date with what is known at this tick.

    Return how many tasks arrived since the tick before, None where that is not known.
    """
    arrived = None
    nodes, group = snapshot.nodes.value, snapshot.group.value
    if nodes is not None:
        _completions(nodes, memory)
        if memory.resumed:
            memory.resumed = {n.id: memory.resumed[n.id] for n in nodes if n.id in memory.resumed}
        memory.busy = [
            *memory.busy[-1:],
            sum(node.busy for node in nodes if node.wanted is Wanted.RUN),
        ]
        _load(snapshot.now, nodes, memory)
    if group is not None:
        _instances(snapshot, group, nodes, memory)
    oldest = snapshot.oldest
    came_at = None if oldest.value is None else oldest.taken_at - oldest.value
    if snapshot.counts.value is not None:
        known = memory.backlog.counted_at is not None and nodes is not None
        begun = 0 if nodes is None else _begun(nodes, memory)
        count = memory.backlog.count(snapshot.now, snapshot.counts.value.visible, begun, came_at)
        arrived = count if known else None
    if came_at is not None:
        memory.backlog.at_least(came_at)
    memory.ticked_at = snapshot.now
    return arrived


def boot_seconds(settings: Settings, memory: Memory) -> float:
    """Return the boot to plan with: the longest but one of the last measured, within reason."""
    if len(memory.boots) < 3:
        return settings.boot_seconds
    measured = sorted(memory.boots)[-2]
    usual = settings.boot_seconds
    return min(max(measured, _BOOT_AT_LEAST * usual), _BOOT_AT_MOST * usual)


def loss_rate(memory: Memory) -> float:
    """Return nodes lost per node-second, without those that were ended; 0 until a day was seen."""
    return memory.losses / max(memory.node_seconds, _DAY)


def _begun(nodes: tuple[Node, ...], memory: Memory) -> int:
    known, begun = memory.begun, 0
    for node in nodes:
        before = known.get(node.id, 0)
        begun += node.begun - before if node.begun >= before else node.begun
    memory.begun = {node.id: node.begun for node in nodes}
    return begun


def _load(now: float, nodes: tuple[Node, ...], memory: Memory) -> None:
    if memory.ticked_at is None or now <= memory.ticked_at:
        return
    elapsed = min(now - memory.ticked_at, _DAY)
    memory.loaded_seconds = min(_DAY, memory.loaded_seconds + elapsed)
    busy = sum(node.busy for node in nodes)
    memory.load += (busy - memory.load) * elapsed / memory.loaded_seconds


def _completions(nodes: tuple[Node, ...], memory: Memory) -> None:
    new: list[tuple[float, float]] = []
    ended: dict[str, float] = {}
    for node in nodes:
        since = memory.ended.get(node.id, 0.0)
        if node.recent:
            if node.recent[-1][0] > since:
                new += node.recent[bisect_right(node.recent, (since, math.inf)) :]
            since = node.recent[-1][0]
        if since:
            ended[node.id] = since
    memory.ended = ended
    if new:
        new.sort()
        memory.durations.add(new)


def _instances(
    snapshot: QueueSnapshot, group: Group, nodes: tuple[Node, ...] | None, memory: Memory
) -> None:
    now = snapshot.now
    here = {one.id for one in group.instances if one.lifecycle in _HERE}
    spoken = {node.id: node for node in nodes or ()}
    elapsed = max(0.0, now - memory.ticked_at) if memory.ticked_at is not None else 0.0
    fading = max(0.0, 1 - elapsed / _DAY)
    memory.node_seconds = memory.node_seconds * fading + elapsed * len(memory.first_seen)
    joined = set(memory.joined)
    memory.losses = memory.losses * fading + len(joined - here - set(memory.ending))
    for one in sorted(here - (joined & memory.first_seen.keys())):
        seen = memory.first_seen.get(one)
        if seen is None:
            # It was launched at some time since the last tick: the earliest is the safe one. An
            # engine that was away for long would take what has just been launched for dead.
            memory.first_seen[one] = now - min(elapsed, _TICK_AT_MOST)
        elif one in spoken and seen < spoken[one].joined_at:
            memory.boots = [*memory.boots, spoken[one].joined_at - seen][-BOOTS_KEPT:]
    there = here & (joined if nodes is None else spoken.keys())
    if there != joined:
        memory.joined = sorted(there)
    memory.ending = [one for one in memory.ending if one in here]
    for one in memory.first_seen.keys() - here:
        del memory.first_seen[one]


_HERE = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
