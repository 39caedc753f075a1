"""More capacity: draining nodes are resumed first, and what is still missing is launched."""

from __future__ import annotations

import math

from ops.scaling.decision import Situation
from ops.scaling.drain import to_resume
from ops.scaling.learn import loss_rate
from ops.scaling.model import Launch, Resume


def resume(situation: Situation, nodes: int, maximum: int) -> dict[str, int]:
    """Resume what is missing from draining nodes; return their free slots by node."""
    resumed: dict[str, int] = {}
    if not situation.standing.draining:
        return resumed
    wishes, memory, now = situation.wishes, situation.memory, situation.now
    active = situation.standing.active
    slots = max((max(wish.short_slots, wish.spare_slots) for wish in wishes), default=0.0)
    for node in to_resume(situation.standing):
        receiving = active + len(resumed)
        if receiving >= maximum or (receiving >= nodes and sum(resumed.values()) >= slots):
            break
        resumed[node.id] = max(0, node.slots - node.busy)
        memory.resumed[node.id] = now
        memory.holding.resumed(node.id, now)
        situation.actions.append(Resume(node.id, situation.token))
    return resumed


def launch(situation: Situation, nodes: int, maximum: int, resumed: dict[str, int]) -> int:
    """Launch what draining nodes could not make good; return how many."""
    group, settings = situation.group, situation.settings
    wanted = _wanted(situation, nodes, resumed)
    if wanted <= 0:
        return 0
    if "Launch" in group.suspended:
        situation.cautions.append(f"would launch {wanted}, but the group's Launch is suspended")
        return 0
    # An instance that is leaving on its own does not make room yet, whatever is desired.
    there = max(group.desired, situation.standing.active + len(resumed))
    room = max(0, maximum - there)
    allowed = min(wanted, settings.step_up, room)
    if allowed < wanted:
        limit = "the maximum leaves room for" if allowed == room else "one tick launches"
        situation.cautions.append(f"would launch {wanted}, {limit} {allowed}")
    if allowed > 0:
        situation.memory.launched_at = situation.now
        situation.memory.holding.launched(allowed, situation.now)
        situation.actions.append(Launch(allowed, group.desired + allowed))
    return allowed


def _wanted(situation: Situation, nodes: int, resumed: dict[str, int]) -> int:
    """Return how many nodes to launch before any limit."""
    slots = sum(resumed.values())
    wanted = nodes - situation.standing.active - len(resumed)
    for wish in situation.wishes:
        if wish.short_slots > slots:
            wanted = max(wanted, math.ceil((wish.short_slots - slots) / wish.a_node_gives))
    spare = situation.spare_slots()
    if spare < 0:
        wanted = max(wanted, math.ceil(-spare / situation.settings.slots))
    if wanted <= 0:
        return 0
    # A known share of what is launched now is lost to spot before it receives.
    lost = min(0.5, loss_rate(situation.memory) * situation.boot_seconds)
    return math.ceil(wanted / (1 - lost) - 1e-9)
