"""`age`: every waiting task starts within the promise, and nothing is launched before it must be.

A task that waits may be served by a slot that frees in time, and most are: a queue with work has
slots freeing all the time. So a launch is put off until it is as late as it can be, and made only
for those tasks that the slots there are will not have begun by then, at a confidence of about 99.5
per cent (2.6 standard deviations, one-sided).

On the way down, nothing is paused while anything waits. Once nothing does, as many nodes receive as
the running tasks would fill: the emptiest of the others are paused, which costs nothing as long as
a draining node with room is resumed first when work comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ops.scaling.policies.wish import Sight, Wish
from ops.scaling.supply import Supply

#: Standard deviations of what is expected to begin that are not counted on.
CONFIDENCE: Final = 2.0
#: What a receive, a heartbeat of the node and the engine's own calls may take.
MARGIN_SECONDS: Final = 8.0
#: So many groups of waiting tasks are looked at, oldest first; one stands for its neighbours.
_DEADLINES: Final = 4


def age(sight: Sight) -> Wish:
    """Wish for the slots that waiting tasks would miss, and to keep what the running ones fill.

    Needs `settings.start_within_seconds`; the manifest does not load without it.
    """
    promise = sight.settings.start_within_seconds or 0.0
    standing, visible = sight.standing, sight.counts.visible
    free = standing.free
    if visible == 0:
        return _quiet(sight)
    boot = sight.boot_seconds
    # What is too much for one tick takes several.
    ticks = -(-visible // (sight.settings.slots * sight.settings.step_up))
    # A task younger than this can still be launched for at the next tick.
    slack = promise - boot - ticks * sight.tick_seconds - min(MARGIN_SECONDS, promise / 10)
    due = [
        (max(promise - (sight.now - at), boot), waiting)
        for at, waiting in sight.memory.backlog.waiting()
        if sight.now - at >= slack
    ]
    short, gives, why = _short(sight, due, max(promise, boot), slack)
    return Wish(
        "age",
        why,
        short_slots=short,
        a_node_gives=gives,
        spare_slots=max(0, visible - free),
        keep=standing.active,
    )


def _quiet(sight: Sight) -> Wish:
    """Nothing waits: keep what the running tasks fill, now or a tick ago."""
    slots = sight.settings.slots
    busy = max(sight.memory.busy, default=0)
    keep = -(-busy // slots)
    return Wish("age", f"nothing waits; {busy} running tasks fill {keep} nodes", keep=keep)


@dataclass(frozen=True, slots=True)
class _Short:
    """What is missing for the tasks that must start within so many seconds."""

    seconds: float
    waiting: int
    sure: float
    """Tasks that the nodes there are begin by then, nearly surely."""
    a_node_gives: float

    @property
    def slots(self) -> float:
        """The tasks for which there is no slot; below zero where there are more."""
        return self.waiting - self.sure

    @property
    def nodes(self) -> float:
        """How many more nodes it takes."""
        return self.slots / self.a_node_gives


def _short(
    sight: Sight, due: list[tuple[float, int]], longest: float, slack: float
) -> tuple[float, float, str]:
    """Return the slots that are missing, what one launched node gives of them, and why."""
    visible = sight.counts.visible
    if not due:
        return 0.0, 1.0, f"{visible} wait, none for longer than {max(0.0, slack):.0f} s yet"
    supply = _supply(sight, longest)
    looked_at = due[:: max(1, len(due) // _DEADLINES)] + due[-1:]
    short = max((_at(supply, sight, *one) for one in looked_at), key=lambda one: one.nodes)
    begin = f"{short.waiting} of {visible} waiting must start within {short.seconds:.0f} s"
    begun = math.floor(short.sure)
    if short.slots <= 0:
        return 0.0, 1.0, f"{begin}; the nodes there are begin {begun} by then"
    why = f"{begin}, the nodes there are surely begin {begun} by then"
    return short.slots, short.a_node_gives, why


def _at(supply: Supply, sight: Sight, seconds: float, waiting: int) -> _Short:
    mean, deviation = supply.begins_within(seconds)
    sure = max(0.0, mean - CONFIDENCE * deviation)
    return _Short(seconds, waiting, sure, supply.of_one_more(seconds - sight.boot_seconds))


def _supply(sight: Sight, longest: float) -> Supply:
    standing = sight.standing
    running = standing.running(standing.up)
    everything = dict(running)
    for group, tasks in standing.running(standing.draining).items():
        everything[group] = everything.get(group, 0.0) + tasks
    ready = sorted(
        max(0.0, sight.boot_seconds - (sight.now - since)) for _, since in standing.booting
    )
    ready += [sight.boot_seconds] * standing.coming
    return Supply(
        sight.memory.durations.outlook(sight.now, everything),
        running,
        standing.free,
        sight.settings.slots,
        ready,
        longest,
    )
