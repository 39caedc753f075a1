"""`headroom`: free slots that stand ready for what comes faster than a node boots."""

from __future__ import annotations

import math
from typing import Final

from ops.scaling.burst import exposed_seconds
from ops.scaling.policies.wish import Sight, Wish
from ops.scaling.standing import REPORT_SECONDS

#: "auto" never keeps more free slots than so many times those that are busy on average: what comes
#: in rare clumps would keep a fleet idle for them, which is for a person to decide.
MOST_LOADS: Final = 2.0


def headroom(sight: Sight) -> Wish | None:
    """Wish for free slots beyond the work at hand, None where none are to be kept.

    A number in the manifest is so many free nodes. "auto" keeps some only where the promise is
    shorter than a boot: as many as would have let the queue's `in_time` share of its last days'
    tasks start in time.
    """
    settings = sight.settings
    if settings.headroom == "off":
        return None
    if settings.headroom != "auto":
        free = settings.headroom * settings.slots
        return _wish(sight, free, f"{settings.headroom} nodes are to be kept free")
    if settings.start_within_seconds is None:
        return None
    exposed = exposed_seconds(sight.boot_seconds, settings.start_within_seconds, sight.tick_seconds)
    if exposed <= 0:
        return None
    slots = sight.memory.bursts.slots(settings.in_time, exposed)
    promise = f"a promise of {settings.start_within_seconds:.0f} s is shorter than a boot"
    if slots is None:
        return Wish("headroom", f"{promise}; too few tasks were seen to size it")
    why = f"{promise}: {slots:.0f} free slots let {settings.in_time:.1%} start in time"
    most = max(float(settings.slots), MOST_LOADS * sight.memory.load)
    if slots > most:
        share = sight.memory.bursts.share(most, exposed) or 0.0
        why += f"; {most:.0f} are kept, for {share:.1%}: {MOST_LOADS:.0f} times the usual load"
    return _wish(sight, min(slots, most), why)


def _wish(sight: Sight, slots: float, why: str) -> Wish:
    """Wish for free slots; on draining nodes only where there is time to resume them."""
    promise = sight.settings.start_within_seconds
    if promise is not None and promise >= 2 * sight.tick_seconds + REPORT_SECONDS:
        return Wish("headroom", why, free_slots=slots)
    work = sight.counts.visible + sight.standing.busy
    nodes = math.ceil((work + slots) / sight.settings.slots)
    return Wish("headroom", why, nodes=nodes, keep=nodes)
