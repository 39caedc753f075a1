"""Which nodes are paused, resumed and ended; the same rules in the engine and in the backtest."""

from __future__ import annotations

from typing import Final

from ops.scaling.model import Node
from ops.scaling.outlook import Outlook, group_of
from ops.scaling.standing import Standing

#: A confirmation counts only from a node that has spoken lately.
FRESH_SECONDS: Final = 60.0


def to_resume(standing: Standing) -> list[Node]:
    """Return the draining nodes, the fullest first.

    A full node stays the longest anyway, so that resuming it adds the least to what is paid.
    """
    return sorted(standing.draining, key=lambda node: (-node.busy, node.id))


def to_pause(standing: Standing, outlook: Outlook, most: int) -> list[Node]:
    """Return so many of the receiving nodes, the emptiest first: they are idle the soonest.

    Of two that are as full, the one goes first whose last task is expected to end first.
    """
    ends_in: dict[int, float] = {}

    def idle_in(node: Node) -> float:
        last = 0.0
        for started_at in node.started:
            group = group_of(started_at)
            if group not in ends_in:
                ends_in[group] = outlook.ends_in(group)
            last = max(last, ends_in[group])
        return last

    free_to_go = [node for node in standing.up if node.id not in standing.protected]
    if most < len(free_to_go):
        fullest = sorted(node.busy for node in free_to_go)[most - 1]
        free_to_go = [node for node in free_to_go if node.busy <= fullest]
    return sorted(free_to_go, key=lambda node: (node.busy, idle_in(node), node.id))[:most]


def to_end(standing: Standing, now: float) -> list[Node]:
    """Return the draining nodes that have confirmed that they are paused and idle."""
    return [
        node
        for node in standing.draining
        if node.confirmed
        and node.confirmed == node.token
        and node.paused
        and node.busy == 0
        and now - node.said_at <= FRESH_SECONDS
        and node.id not in standing.protected
        and node.id not in standing.pending
    ]
