"""What to do about one queue now, and why: the one function that engine, dry run and backtest call.

Pure: it reads a snapshot and a memory, brings the memory up to date, and returns actions. The way:
what every policy wishes, the largest wish of all, the bounds; resume draining nodes before any is
launched; on the way down pause the emptiest, and end only what has confirmed that it is idle.
"""

from __future__ import annotations

from typing import Final

from ops.scaling import downwards, upwards
from ops.scaling.arrivals import learn_arrivals
from ops.scaling.decision import STALE_SECONDS, Decision, Situation, one_line
from ops.scaling.drain import to_end
from ops.scaling.learn import boot_seconds, learn
from ops.scaling.memory import Memory
from ops.scaling.model import QueueSnapshot
from ops.scaling.policies import wishes_of
from ops.scaling.policies.wish import Sight, Wish
from ops.scaling.settings import Settings
from ops.scaling.standing import presumed, stand
from ops.scaling.windows import Bounds, bounds_at

TICK_SECONDS: Final = 15.0


def decide(
    snapshot: QueueSnapshot,
    settings: Settings,
    memory: Memory,
    token: str,
    tick_seconds: float = TICK_SECONDS,
) -> Decision:
    """Decide about one queue; `memory` is brought up to date in place.

    `token` is new at every tick; what is asked of nodes carries it.
    """
    arrived = learn(snapshot, memory)
    group = snapshot.group.value
    if group is None:
        why = f"hold: the group is not known: {snapshot.group.trouble}"
        return Decision(settings.queue, (), one_line(why))
    boot = boot_seconds(settings, memory)
    learn_arrivals(snapshot, settings, memory, arrived, boot + tick_seconds)
    nodes = snapshot.nodes.value
    if nodes is None or snapshot.nodes.age(snapshot.now) > STALE_SECONDS:
        nodes = presumed(group, snapshot.counts.value, settings.slots, snapshot.now)
    standing = stand(group, nodes, memory, now=snapshot.now, slots=settings.slots, boot=boot)
    situation = Situation(snapshot, settings, memory, token, tick_seconds, group, boot, standing)
    memory.holding.see([node.id for node in to_end(standing, snapshot.now)], snapshot.now)
    silent = downwards.replaceable(situation)
    # Each has a successor soon. To launch for it besides would double a fleet that is cut off.
    standing.coming += len(silent)
    situation.wishes = _wishes(situation)
    return _decided(situation, silent)


def _decided(situation: Situation, silent: list[tuple[str, str]]) -> Decision:
    group, settings, wishes = situation.group, situation.settings, situation.wishes
    bounds = bounds_at(settings, situation.now)
    if situation.snapshot.pin is not None:
        # A pin holds whatever the windows say.
        bounds = Bounds(settings.minimum, settings.maximum)
    maximum = min(bounds.maximum, group.maximum)
    minimum = min(max(bounds.minimum, group.minimum), maximum)
    wanted = max([minimum, *[wish.nodes for wish in wishes]])
    if wanted > maximum:
        situation.cautions.append(f"wants {wanted} nodes, the maximum is {maximum}")
    nodes = min(wanted, maximum)
    # A maximum is what something else can bear: what is above it goes, also with work waiting.
    keep = min(max([nodes, *[wish.keep for wish in wishes]]), maximum)
    resumed = upwards.resume(situation, nodes, maximum)
    launched = upwards.launch(situation, nodes, maximum, resumed)
    if not launched and not resumed:
        downwards.pause(situation, keep)
    downwards.end(situation, resumed)
    downwards.replace(situation, silent)
    return situation.decided(bounds.why)


def _wishes(situation: Situation) -> tuple[Wish, ...]:
    """Return what the policies wish; a pin stands in for all of them."""
    pin, counts = situation.snapshot.pin, situation.snapshot.counts.value
    if pin is not None:
        by = f" by {pin.by}" if pin.by else ""
        nodes = "1 node" if pin.nodes == 1 else f"{pin.nodes} nodes"
        return (Wish("pin", f"pinned at {nodes}{by}", nodes=pin.nodes),)
    if counts is None:
        return ()
    return wishes_of(
        Sight(
            situation.now,
            counts,
            situation.standing,
            situation.settings,
            situation.memory,
            situation.boot_seconds,
            situation.tick_seconds,
        )
    )
