"""How the registry's table and its items are named, and how large they may be. Pure."""

from __future__ import annotations

import re
from typing import Final

#: The partition key and the sort key of the table.
FLEET: Final = "fleet"
ITEM: Final = "item"

#: The item of the engine's lease.
ENGINE: Final = "engine"

_NODE, _QUEUE, _PIN = "node#", "queue#", "pin#"

#: Memories come last in the order of the sort key: what every tick reads lies before this.
MEMORIES: Final = _QUEUE

#: Instance ids, and what an ECS task's ARN ends in.
_NODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")

STARTED_AT_MOST: Final = 64
RECENT_AT_MOST: Final = 32
#: A queue's memory, ten times what the busiest queues' are: forty of them, as many as are written
#: together, stay within the 4 MB of a transaction.
MEMORY_AT_MOST_BYTES: Final = 64 * 1024
#: Tokens, releases, groups and operators' names.
TEXT_AT_MOST_CHARACTERS: Final = 256


def node_item(queue: str, node: str) -> str:
    """Return the sort key of a node's item. Raises ValueError for what is no node's id."""
    if not _NODE_ID.fullmatch(node):
        raise ValueError(f"expected the id of an instance or of an ECS task, got {node[:200]!r}")
    return f"{_NODE}{queue}#{node}"


def queue_item(queue: str) -> str:
    """Return the sort key of what the engine remembers of a queue."""
    return f"{_QUEUE}{queue}"


def pin_item(queue: str) -> str:
    """Return the sort key of an operator's pin of a queue."""
    return f"{_PIN}{queue}"


def node_of(item: str) -> tuple[str, str] | None:
    """Return the queue and the id of a node's item, or None for another item."""
    if not item.startswith(_NODE):
        return None
    queue, _, node = item.removeprefix(_NODE).partition("#")
    return (queue, node) if queue and node else None


def remembered_of(item: str) -> str | None:
    """Return the queue whose memory an item is, or None for another item."""
    return queue_of(item) if item.startswith(_QUEUE) else None


def pinned_of(item: str) -> str | None:
    """Return the queue whose pin an item is, or None for another item."""
    return queue_of(item) if item.startswith(_PIN) else None


def queue_of(item: str) -> str | None:
    """Return the queue that an item's name names, or None."""
    kind, _, rest = item.partition("#")
    return rest.partition("#")[0] or None if f"{kind}#" in (_NODE, _QUEUE, _PIN) else None
