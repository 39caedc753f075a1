"""Where every node of a queue stands: the group's word and the registry's, put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ops.registry.changes import ABANDONED_AFTER_SECONDS
from ops.scaling.memory import Memory
from ops.scaling.model import Counts, Group, Instance, Lifecycle, Node, Wanted
from ops.scaling.outlook import TOGETHER_SECONDS

#: A node speaks, and hears, so often.
REPORT_SECONDS: Final = 15.0
#: One that has not for so long is taken for dead or cut off.
SILENT_SECONDS: Final = 180.0
#: A registry that could not be read may not have been written either: nobody is taken for silent
#: before it has had this long, a few words of each node, to tell.
TELLS_WITHIN_SECONDS: Final = 60.0
#: A booting node may take this many times its usual boot before it counts as silent.
PATIENCE: Final = 3.0
#: A node that was resumed hears of it at its next word; until then it still says that it is paused.
HEARS_WITHIN_SECONDS: Final = 60.0
#: A termination that was claimed has had this long to happen.
CLAIM_SECONDS: Final = ABANDONED_AFTER_SECONDS
#: The item of a node whose instance is gone is kept this long after its last word, unless its end
#: was claimed: one that has just registered may not be in the group's list yet.
GONE_SECONDS: Final = 600.0

# Looked up once, and not for every node: that is slow in an Enum.
_PENDING, _LEAVING, _WARM = Lifecycle.PENDING, Lifecycle.LEAVING, Lifecycle.WARM
_PAUSE = Wanted.PAUSE


@dataclass(slots=True)
class Standing:
    """The nodes of a queue by where they stand."""

    slots: int
    """A node's slots, by the manifest; a node's own word wins for itself."""
    up: list[Node] = field(default_factory=list)
    """They receive."""
    draining: list[Node] = field(default_factory=list)
    """Asked to pause, and may be resumed."""
    held: list[Node] = field(default_factory=list)
    """Paused by someone else's hand: not ours to use."""
    booting: list[tuple[str, float]] = field(default_factory=list)
    """Not heard of yet: the instance, and when it was first seen."""
    coming: int = 0
    """Asked for, and not seen in the group yet."""
    silent: list[tuple[str, str]] = field(default_factory=list)
    """To be replaced: the instance, and why."""
    gone: list[str] = field(default_factory=list)
    """Items whose instance has left the group: long ago, or as it was told to."""
    warm: int = 0
    protected: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    """Not in service yet, though they may have spoken: what becomes of them is their group's."""

    @property
    def active(self) -> int:
        """Nodes that receive, or will once they have booted."""
        return len(self.up) + len(self.booting) + self.coming

    @property
    def busy(self) -> int:
        """Busy slots of the nodes that receive."""
        return sum([node.busy for node in self.up])

    @property
    def free(self) -> int:
        """Free slots of the nodes that receive."""
        return _free(self.up)

    @property
    def at_hand(self) -> int:
        """Free slots there are or will be, also on draining nodes, which may be resumed."""
        return (
            _free(self.up) + _free(self.draining) + (len(self.booting) + self.coming) * self.slots
        )

    def running(self, nodes: list[Node]) -> dict[int, float]:
        """Return the running tasks of these nodes by the minute in which they started."""
        groups: dict[int, float] = {}
        for node in nodes:
            if not node.started:
                continue
            weight = max(1.0, node.busy / len(node.started))
            for at in node.started:
                group = int(at // TOGETHER_SECONDS)
                groups[group] = groups.get(group, 0.0) + weight
        return groups


def _free(nodes: list[Node]) -> int:
    return sum([node.slots - node.busy for node in nodes if node.slots > node.busy])


def ages(nodes: Iterable[Node], now: float) -> dict[int, float]:
    """Return how long running tasks have run: an average for those that started together.

    In seconds. Where tasks are short, how long ago their group began says nothing of them.
    """
    sums: dict[int, float] = {}
    tasks: dict[int, int] = {}
    for node in nodes:
        for at in node.started:
            group = int(at // TOGETHER_SECONDS)
            sums[group] = sums.get(group, 0.0) + at
            tasks[group] = tasks.get(group, 0) + 1
    return {group: max(0.0, now - total / tasks[group]) for group, total in sums.items()}


def stand(
    group: Group, nodes: tuple[Node, ...], memory: Memory, *, now: float, slots: int, boot: float
) -> Standing:
    """Put the group's instances and the registry's nodes together.

    `memory` says since when each instance has been in the group, and who was resumed; `slots` are a
    node's by the manifest, `boot` is in seconds.
    """
    standing = Standing(slots)
    known = {node.id: node for node in nodes}
    protected, pending = [], []
    present = 0
    for instance in group.instances:
        node, lifecycle = known.pop(instance.id, None), instance.lifecycle
        if instance.protected:
            protected.append(instance.id)
        if lifecycle is _WARM:
            standing.warm += 1
        elif lifecycle is not _LEAVING:
            present += 1
            if lifecycle is _PENDING:
                pending.append(instance.id)
            if node is not None:
                _place(standing, node, instance, now, memory)
            else:
                _place_unheard(standing, instance, memory, now, boot)
    standing.protected, standing.pending = frozenset(protected), frozenset(pending)
    standing.coming = max(0, group.desired - present)
    standing.gone = sorted(
        node.id
        for node in known.values()
        # What was claimed was in the group, and says and receives nothing more: it was ended.
        if node.claimed_at is not None or now - node.said_at > GONE_SECONDS
    )
    return standing


def presumed(group: Group, counts: Counts | None, slots: int, now: float) -> tuple[Node, ...]:
    """Return the nodes of a group whose registry cannot be read: what is in service works.

    Where something waits they are taken to be full, else to share what is in flight. Nothing is
    asked of them; they only keep a second fleet from being launched beside them.
    """
    ids = [one.id for one in group.instances if one.lifecycle is Lifecycle.IN_SERVICE]
    running = 0 if counts is None else counts.in_flight
    nodes = []
    for id_ in ids:
        busy = slots if counts is None or counts.visible else min(slots, running)
        running -= busy
        nodes.append(Node(id_, busy, slots, now))
    return tuple(nodes)


def _place_unheard(
    standing: Standing, instance: Instance, memory: Memory, now: float, boot: float
) -> None:
    since = memory.first_seen.get(instance.id, now)
    waited = now - since
    # What is still pending is its group's business, and may have no id of its own yet.
    if (
        instance.lifecycle is _PENDING
        or waited <= max(SILENT_SECONDS, PATIENCE * boot)
        or _unread(memory, now)
    ):
        standing.booting.append((instance.id, since))
    else:
        standing.silent.append((instance.id, f"launched {waited:.0f} s ago, has never spoken"))


def _place(standing: Standing, node: Node, instance: Instance, now: float, memory: Memory) -> None:
    if node.claimed_at is not None:
        if now - node.claimed_at > CLAIM_SECONDS:
            why = f"its end was claimed {now - node.claimed_at:.0f} s ago"
            standing.silent.append((node.id, why))
    elif now - node.said_at > SILENT_SECONDS:
        if instance.lifecycle is _PENDING or _unread(memory, now):
            standing.booting.append((node.id, now))
        else:
            standing.silent.append((node.id, f"has not spoken for {now - node.said_at:.0f} s"))
    elif node.wanted is _PAUSE:
        standing.draining.append(node)
    elif node.paused and now - memory.resumed.get(node.id, 0.0) > HEARS_WITHIN_SECONDS:
        if instance.lifecycle is _PENDING:
            # Its first word is said before it has heard whether it may receive.
            standing.booting.append((node.id, memory.first_seen.get(node.id, now)))
        else:
            standing.held.append(node)
    else:
        standing.up.append(node)


def _unread(memory: Memory, now: float) -> bool:
    """Whether the registry has only just begun to tell again what nodes say."""
    return memory.read_since is not None and now - memory.read_since < TELLS_WITHIN_SECONDS
