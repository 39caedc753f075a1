"""`age`: every waiting task starts within the promise, and nothing is launched before it must be.

A task that waits may be served by a slot that frees in time, and most are: a queue with work has
slots freeing all the time. So a launch is put off until it is as late as it can be, and made only
for those tasks that the slots there are will not have begun by then, with a little over two
standard deviations to spare.

On the way down, nothing is paused while anything waits. Once nothing does, only as many nodes go on
receiving as the running tasks would fill; the emptiest of the others are paused. That costs
nothing: a draining node with room is resumed first when work comes, as long as the promise leaves
time for it to hear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ops.scaling.durations import ENOUGH
from ops.scaling.policies.wish import Sight, Wish, counted
from ops.scaling.standing import REPORT_SECONDS, ages
from ops.scaling.supply import Supply

#: Standard deviations of what is expected to begin that are not counted on.
CONFIDENCE: Final = 2.4
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
    if visible == 0:
        return _quiet(sight, promise)
    boot = _boot(sight)
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
    scout = 0
    if sight.memory.durations.total < ENOUGH and standing.active == 0:
        scout, why = 1, f"{why}; one node goes ahead to learn how long tasks run"
    return Wish(
        "age",
        why,
        nodes=scout,
        short_slots=short,
        a_node_gives=gives,
        spare_slots=max(0, visible - standing.free),
        keep=standing.active,
    )


def _boot(sight: Sight) -> float:
    """Return how long a node takes that is launched now: less while the warm pool has enough."""
    if sight.standing.warm * sight.settings.slots >= max(1, sight.counts.visible):
        return min(sight.boot_seconds, sight.settings.warm_boot_seconds)
    return sight.boot_seconds


def _quiet(sight: Sight, promise: float) -> Wish:
    """Nothing waits: keep what the running tasks fill, now or a tick ago."""
    busy, slots = max(sight.memory.busy, default=0), sight.settings.slots
    keep = -(-busy // slots)
    if promise >= 2 * sight.tick_seconds + REPORT_SECONDS:
        # There is time to resume: a node that is not full need not receive.
        keep = busy // slots
    return Wish("age", f"nothing waits{_running(busy, keep, slots)}", keep=keep)


def _running(busy: int, keep: int, slots: int) -> str:
    """Say what the running tasks come to: a node that is not kept finishes its own all the same."""
    if not busy:
        return "; no node is busy"
    tasks = counted(busy, "running task")
    of = f"of {counted(slots, 'slot')}"
    if keep * slots >= busy:
        return f"; {tasks} {'needs' if busy == 1 else 'need'} {counted(keep, 'node')} {of}"
    fills = "fills" if busy == 1 else "fill"
    rest = busy - keep * slots
    finish = "it finishes" if busy == 1 else f"{rest} more {'finishes' if rest == 1 else 'finish'}"
    whole = counted(keep, "node") if keep else "no node"
    return f"; {tasks} {fills} {whole} {of} whole: {finish} on a node that need not receive"


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
        return 0.0, 1.0, f"{begin}; the present nodes start {begun} by then"
    why = f"{begin}, the present nodes are sure to start {begun} by then"
    return short.slots, short.a_node_gives, why


def _at(supply: Supply, sight: Sight, seconds: float, waiting: int) -> _Short:
    mean, deviation = supply.begins_within(seconds)
    # Less the deviation it may be less than the slots that stand free, which it never is.
    sure = max(supply.ready_within(seconds), mean - CONFIDENCE * deviation)
    return _Short(seconds, waiting, sure, supply.of_one_more(seconds - _boot(sight)))


def _supply(sight: Sight, longest: float) -> Supply:
    standing = sight.standing
    running = standing.running(standing.up)
    everything = dict(running)
    for group, tasks in standing.running(standing.draining).items():
        everything[group] = everything.get(group, 0.0) + tasks
    # As long as the next one takes, or each tick would launch another beside those on their way.
    boot = _boot(sight)
    ready = sorted(max(0.0, boot - (sight.now - since)) for _, since in standing.booting)
    ready += [boot] * standing.coming
    return Supply(
        sight.memory.durations.outlook(
            sight.now, everything, ages((*standing.up, *standing.draining), sight.now)
        ),
        running,
        standing.free,
        sight.settings.slots,
        ready,
        longest,
    )
