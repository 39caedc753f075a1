"""Less capacity: the emptiest nodes are paused, and only what has confirmed to be idle is ended."""

from __future__ import annotations

from typing import Final

from ops.scaling.decision import Situation
from ops.scaling.drain import to_end, to_pause
from ops.scaling.model import Forget, Pause, Replace, Terminate
from ops.scaling.standing import ages

#: Silent nodes replaced in one pass.
REPLACED_AT_MOST: Final = 2
_SUSPENDED = "the group's Terminate is suspended"


def pause(situation: Situation, keep: int) -> None:
    """Pause the emptiest of the receiving nodes beyond those to keep."""
    # What still boots does not stand in for what receives: it may be long in coming.
    surplus = min(len(situation.standing.up) - keep, situation.settings.step_down)
    if surplus <= 0:
        return
    reason = _not_now(situation)
    if reason:
        situation.cautions.append(f"would pause {surplus}, but {reason}")
        return
    standing, memory = situation.standing, situation.memory
    nodes = [*standing.up, *standing.draining]
    outlook = memory.durations.outlook(
        situation.now, standing.running(nodes), ages(nodes, situation.now)
    )
    for node in to_pause(standing, outlook, surplus):
        situation.actions.append(Pause(node.id, situation.token))


def end(situation: Situation, resumed: dict[str, int]) -> None:
    """End the idle nodes that are not worth holding any longer."""
    group, memory, now = situation.group, situation.memory, situation.now
    if not situation.standing.draining:
        return
    idle = [node for node in to_end(situation.standing, now) if node.id not in resumed]
    if not idle or situation.stale("counts", "group", "nodes"):
        return
    if "Terminate" in group.suspended:
        situation.cautions.append(f"would end {len(idle)}, but {_SUSPENDED}")
        return
    hold = memory.holding.seconds(situation.boot_seconds)
    ready = [node for node in idle if now - memory.holding.idle.get(node.id, now) >= hold]
    if len(ready) < len(idle):
        held = len(idle) - len(ready)
        situation.cautions.append(f"{held} idle held for {hold:.0f} s each, as has paid so far")
    room, spare = group.desired - group.minimum, situation.spare_slots()
    for node in ready[: max(0, room)]:
        spare -= node.slots
        if spare < 0:
            break
        situation.actions.append(Terminate(node.id, node.token))
        _note_ending(situation, node.id)
        memory.holding.end(node.id, now)


def replaceable(situation: Situation) -> list[tuple[str, str]]:
    """Return the silent nodes that may be replaced, a few a pass, and why each."""
    standing, group = situation.standing, situation.group
    silent = [one for one in standing.silent if one[0] not in standing.protected]
    if not silent or situation.stale("group", "nodes"):
        return []
    for process in ("Terminate", "Launch"):
        if process in group.suspended:
            situation.cautions.append(
                f"would replace {len(silent)}, but the group's {process} is suspended"
            )
            return []
    return silent


def replace(situation: Situation, silent: list[tuple[str, str]]) -> None:
    """End a few nodes that do not speak, and forget those that are gone."""
    gone = situation.standing.gone
    if gone and not situation.stale("group", "nodes"):
        situation.actions += [Forget(node) for node in gone]
    if not silent:
        return
    if _cut_off(situation, len(silent)):
        situation.cautions.append(
            f"{len(silent)} fell silent at once, while more is in flight than the others run: "
            "they are taken to be cut off, and none is replaced"
        )
        return
    for node, why in silent[:REPLACED_AT_MOST]:
        situation.actions.append(Replace(node, why))
        _note_ending(situation, node)


def _cut_off(situation: Situation, silent: int) -> bool:
    """Whether it is not the silent nodes that are ill: most are silent, and work seems to go on.

    What a dead node ran is visible again after a lease, so what stays in flight is looked after.
    """
    standing, counts = situation.standing, situation.snapshot.counts.value
    speaking = len(standing.up) + len(standing.draining) + len(standing.held)
    if speaking and silent <= max(REPLACED_AT_MOST, speaking):
        return False
    running = sum(node.busy for node in (*standing.up, *standing.draining, *standing.held))
    return counts is None or counts.in_flight > running


def _note_ending(situation: Situation, node: str) -> None:
    if node not in situation.memory.ending:
        situation.memory.ending.append(node)


def _not_now(situation: Situation) -> str:
    """Return why nothing may be paused now, or nothing."""
    stale = situation.stale("counts", "group", "nodes")
    if stale:
        return stale
    if "Terminate" in situation.group.suspended:
        return _SUSPENDED
    rest = max(situation.settings.cool_down_seconds, situation.boot_seconds)
    at = situation.memory.launched_at
    if at is not None and situation.now - at < rest:
        return f"a launch {situation.now - at:.0f} s ago still cools down ({rest:.0f} s)"
    return ""
