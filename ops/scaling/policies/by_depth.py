"""`depth`: slots for every task that waits or runs."""

from __future__ import annotations

from ops.scaling.policies.wish import Sight, Wish, counted


def depth(sight: Sight) -> Wish:
    """Wish for slots for what is visible and what is in flight, rounded up to whole nodes.

    In flight counts also where it runs on a draining node: that node goes, its work may come again.
    """
    counts, slots = sight.counts, sight.settings.slots
    work = counts.visible + counts.in_flight
    nodes = -(-work // slots)
    return Wish(
        "depth",
        f"{counts.visible} waiting and {counts.in_flight} in flight fill "
        f"{counted(nodes, 'node')} of {counted(slots, 'slot')}",
        nodes=nodes,
        keep=nodes,
    )
