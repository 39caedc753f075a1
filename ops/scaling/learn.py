"""What a tick teaches: run times, arrivals, boots and losses, from two snapshots of one queue."""

from __future__ import annotations

from ops.scaling.memory import BOOTS_KEPT, Memory
from ops.scaling.model import Group, Lifecycle, Node, QueueSnapshot, Wanted
from ops.scaling.settings import Settings

#: Completions and losses of a day ago count for about a third.
_DAY = 86_400.0
#: A measured boot is believed between these parts of the manifest's.
_BOOT_AT_LEAST, _BOOT_AT_MOST = 0.25, 3.0
#: Ticks are not further apart while an engine acts.
_TICK_AT_MOST = 60.0
#: A registry that could not be read for longer may have heard nothing either: a node that speaks
#: every 15 s is then soon taken for silent (180 s). Two ticks of a Lambda are not further apart.
_UNREAD_AT_MOST = 2 * _TICK_AT_MOST


def learn(snapshot: QueueSnapshot, memory: Memory) -> int | None:
    """Bring a queue's memory up to date with what is known at this tick.

    Return how many tasks arrived since the tick before, None where that is not known.
    """
    arrived = None
    nodes, group = snapshot.nodes.value, snapshot.group.value
    begun, begun_by = 0, memory.begun
    if nodes is not None:
        read_at = snapshot.nodes.taken_at
        if memory.read_at is None or read_at - memory.read_at > _UNREAD_AT_MOST:
            memory.read_since = read_at
        memory.read_at = read_at
        begun, begun_by = _words(snapshot.now, nodes, _gone(nodes, group), memory)
        if memory.resumed:
            resumed = memory.resumed
            memory.resumed = {node: resumed[node] for node in begun_by if node in resumed}
    if group is not None:
        _instances(snapshot, group, memory)
    oldest = snapshot.oldest
    came_at = None if oldest.value is None else oldest.taken_at - oldest.value
    if snapshot.counts.value is not None:
        known = memory.backlog.counted_at is not None and nodes is not None
        memory.begun = begun_by
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


def _gone(nodes: tuple[Node, ...], group: Group | None) -> frozenset[str]:
    """Return the nodes whose instance is gone, or going: what they said last holds no more."""
    if group is None:
        return frozenset()
    here = {one.id for one in group.instances if one.lifecycle in _HERE}
    return frozenset(node.id for node in nodes if node.id not in here)


def _words(
    now: float, nodes: tuple[Node, ...], gone: frozenset[str], memory: Memory
) -> tuple[int, dict[str, int]]:
    """Take in what the nodes say of their tasks, in one pass.

    Return how many tasks began since the counts were last known, and by node how many ever did.
    """
    busy = receiving = begun = 0
    new: list[tuple[float, float]] = []
    begun_before, begun_by = memory.begun, dict[str, int]()
    ended_before, ended = memory.ended, dict[str, float]()
    for node in nodes:
        id, recent, count = node.id, node.recent, node.begun
        busy += node.busy
        if node.wanted is _RUN and id not in gone:
            receiving += node.busy
        before = begun_before.get(id, 0)
        begun += count - before if count >= before else count
        begun_by[id] = count
        since = ended_before.get(id, 0.0)
        if recent:
            last = recent[-1][0]
            if last > since:
                # The new ones are the last few.
                known = len(recent) - 1
                while known and recent[known - 1][0] > since:
                    known -= 1
                new += recent[known:]
            since = last
        if since:
            ended[id] = since
    memory.ended = ended
    memory.busy = [*memory.busy[-1:], receiving]
    if new:
        new.sort()
        memory.durations.add(new)
    _load(now, busy, memory)
    return begun, begun_by


def _load(now: float, busy: int, memory: Memory) -> None:
    if memory.ticked_at is None or now <= memory.ticked_at:
        return
    elapsed = min(now - memory.ticked_at, _DAY)
    memory.loaded_seconds = min(_DAY, memory.loaded_seconds + elapsed)
    memory.load += (busy - memory.load) * elapsed / memory.loaded_seconds


def _instances(snapshot: QueueSnapshot, group: Group, memory: Memory) -> None:
    now, nodes = snapshot.now, snapshot.nodes.value
    here = {one.id for one in group.instances if one.lifecycle in _HERE}
    joined_at = {node.id: node.joined_at for node in nodes or ()}
    elapsed = max(0.0, now - memory.ticked_at) if memory.ticked_at is not None else 0.0
    fading = max(0.0, 1 - elapsed / _DAY)
    memory.node_seconds = memory.node_seconds * fading + elapsed * len(memory.first_seen)
    joined = set(memory.joined)
    memory.losses = memory.losses * fading + len((joined - here).difference(memory.ending))
    first_seen = memory.first_seen
    for one in sorted(here.difference(joined) | here.difference(first_seen)):
        seen = first_seen.get(one)
        if seen is None:
            # It was launched at some time since the last tick: the earliest is the safe one. An
            # engine that was away for long would take what has just been launched for dead.
            first_seen[one] = now - min(elapsed, _TICK_AT_MOST)
        elif one in joined_at and seen < joined_at[one]:
            memory.boots = [*memory.boots, joined_at[one] - seen][-BOOTS_KEPT:]
    there = here.intersection(joined if nodes is None else joined_at)
    if there != joined:
        memory.joined = sorted(there)
    memory.ending = [one for one in memory.ending if one in here]
    if len(first_seen) > len(here):
        for one in first_seen.keys() - here:
            del first_seen[one]


_HERE = (Lifecycle.IN_SERVICE, Lifecycle.PENDING)
_RUN = Wanted.RUN
