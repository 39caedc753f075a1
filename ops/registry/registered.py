"""The whole registry, as one Query found it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ops.registry import names
from ops.registry.lease import Lease, read_lease
from ops.registry.values import Unreadable, moment, read_moment, read_text, read_whole, text, whole
from ops.registry.word import read_group, read_node
from ops.scaling.model import Node, Pin

if TYPE_CHECKING:
    from ops.registry.values import Item, Value

_NODES_AT_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Malformed:
    """An item that could not be read. What it would have said of its queue is unknown."""

    item: str
    queue: str | None
    """None for the lease, and for what no queue is named in."""
    why: str

    def __str__(self) -> str:
        return f"{self.item}: {self.why}"


@dataclass(frozen=True, slots=True)
class Registered:
    """Everything in the registry; a queue without items is in none of the tables."""

    read_at: float
    nodes: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    """By queue, in the order of their ids."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """The group a node says it belongs to, by the node's id."""
    memories: Mapping[str, str] = field(default_factory=dict)
    """Of those that were read: a tick reads them only as the lease is taken over."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    lease: Lease | None = None
    trouble: tuple[Malformed, ...] = ()

    def trouble_of(self, queue: str) -> str:
        """Return what could not be read of a queue, empty if all of it was.

        A queue's nodes are unknown then: the one that is missing may be busy.
        """
        return "; ".join(str(each) for each in self.trouble if each.queue == queue)


def registered(items: Iterable[Mapping[str, Any]], now: float) -> Registered:
    """Read every item of the table; what cannot be read is in `trouble`, and nowhere else."""
    nodes: dict[str, list[Node]] = {}
    groups: dict[str, str] = {}
    memories: dict[str, str] = {}
    pins: dict[str, Pin] = {}
    lease: Lease | None = None
    trouble: list[Malformed] = []
    for item in items:
        name = str(item.get(names.ITEM, {}).get("S", "?"))
        try:
            if (node := names.node_of(name)) is not None:
                group = read_group(item)
                nodes.setdefault(node[0], []).append(read_node(node[1], item, now))
                groups[node[1]] = group
            elif (remembered := names.remembered_of(name)) is not None:
                memories[remembered] = read_text(item, "memory", names.MEMORY_AT_MOST_BYTES)
            elif (pinned := names.pinned_of(name)) is not None:
                pins[pinned] = read_pin(item)
            elif name == names.ENGINE:
                lease = read_lease(item)
            else:
                raise Unreadable("expected a node, a queue, a pin or the engine")
        except Unreadable as error:
            trouble.append(Malformed(name[:200], names.queue_of(name), str(error)))
    return Registered(
        read_at=now,
        nodes={queue: tuple(found) for queue, found in nodes.items()},
        groups={node: group for node, group in groups.items() if group},
        memories=memories,
        pins=pins,
        lease=lease,
        trouble=tuple(trouble),
    )


def pinned(pin: Pin) -> dict[str, Value]:
    """Return the attributes of a pin."""
    until = {} if pin.until is None else {"until": moment(pin.until)}
    by = text(pin.by[: names.TEXT_AT_MOST_CHARACTERS])
    return {"nodes": whole(pin.nodes), "by": by, **until}


def read_pin(item: Item) -> Pin:
    """Read a pin's item. Raises Unreadable."""
    return Pin(
        nodes=read_whole(item, "nodes", 0, _NODES_AT_MOST),
        until=read_moment(item, "until") if "until" in item else None,
        by=read_text(item, "by", names.TEXT_AT_MOST_CHARACTERS, ""),
    )
