"""What the agent says: lines where something is new, and its account of the node. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ops.node.actions import Say
from ops.node.bounds import UNHEARD_SECONDS
from ops.node.judge import beyond_repair

if TYPE_CHECKING:
    from ops.node.memory import Memory, Settings
    from ops.node.sight import Sight
    from ops.node.speaking import Speech
    from ops.node.stance import Stance


def talk(sight: Sight, stands: Stance, memory: Memory) -> tuple[list[Say], Memory]:
    """Return the lines that are new, and the memory that has them as said."""
    topics = _topics(sight, stands, memory)
    before = memory.topics
    lines = [Say(text) for key, text in topics.items() if text and text != before.get(key)]
    lines += [
        Say(f"{key}: done again")
        for key in before
        if key.startswith("trouble ") and key not in topics
    ]
    return lines, replace(memory, topics=topics)


def _topics(sight: Sight, stands: Stance, memory: Memory) -> dict[str, str]:
    place, roll, member = sight.place, memory.roll, memory.member
    topics = {
        "node": "" if place is None else f"node {place.id}, group {place.group or place.trouble}",
        "stance": _receives(stands, memory),
        "workers": f"workers: {', '.join(map(str, roll.known)) or 'none'}",
        "died": f"workers died: {len(roll.died)} lately" if roll.died else "",
        "joined": f"the joining hook is completed for {member.joined}" if member.joined else "",
        "left": _left(memory.speech),
        "completed": "the leaving hook is completed" if member.completed else "",
        "condemned": _condemned(memory),
    }
    if memory.leaves is not None:
        takes = max(0.0, memory.leaves.deadline - memory.leaves.since)
        topics["leaves"] = f"drains for at most {takes:.0f} s: {memory.leaves.why}"
    if sight.noticed is not None and sight.noticed.trouble:
        topics["trouble Peek"] = f"metadata: {sight.noticed.trouble}"
    for name, text in memory.troubles.items():
        topics[f"trouble {name}"] = f"{name.lower()}: {text}"
    return topics


def _condemned(memory: Memory) -> str:
    if why := memory.member.condemned or memory.verdict:
        return f"told unhealthy: {why}"
    return "told unhealthy no more" if memory.topics.get("condemned") else ""


def _left(speech: Speech) -> str:
    if not speech.left:
        return ""
    if speech.stays:
        return "says no more; its item stays in the registry: claimed, or another agent's by now"
    return "left the registry"


def _receives(stands: Stance, memory: Memory) -> str:
    if stands.receives:
        unheard = memory.speech.heard is None
        return "receives, with nothing heard of the registry" if unheard else "receives"
    return f"does not receive: {stands.kept or stands.held}"


def account(
    sight: Sight, stands: Stance, memory: Memory, now: float, settings: Settings
) -> dict[str, Any]:
    """Return how the node is, as JSON-ready data: `well`, `reasons` if not, and the rest."""
    reasons = _reasons(sight, stands, memory, now)
    place, heard = sight.place, memory.speech.heard
    return {
        "node": None if place is None else place.id,
        "group": None if place is None or not place.group else place.group,
        "fleet": settings.fleet,
        "queue": settings.queue,
        "well": not reasons,
        "reasons": reasons,
        "receives": stands.receives,
        "because": stands.kept or stands.held or "",
        "wanted": None if heard is None else str(heard.wanted),
        "claimed": None if heard is None else heard.claimed,
        "heard_seconds_ago": _ago(memory.speech.heard_at, now),
        "leaving": memory.leaves is not None,
        "workers": [
            {
                "pid": each.pid,
                "phase": each.phase if each.answers else "silent",
                "release": each.release,
                "busy": each.busy,
                "slots": each.slots,
            }
            for each in memory.roll.now
        ],
    }


def _reasons(sight: Sight, stands: Stance, memory: Memory, now: float) -> list[str]:
    found = [] if sight.place is not None else ["it is not known which node this is"]
    if broken := beyond_repair(memory.roll, now):
        found.append(broken)
    workers = memory.roll.now
    if not any(each.answers for each in workers):
        found.append("no worker answers")
    for each in workers:
        found += [f"worker {each.pid}: {text}" for text in (*each.ailments, each.trouble) if text]
    ago = _ago(memory.speech.heard_at, now)
    if not stands.warm and not memory.speech.left and (ago is None or ago > UNHEARD_SECONDS):
        since = "yet" if ago is None else f"for {ago:.0f} s"
        found.append(f"the registry has not answered {since}")
    return found


def _ago(at: float | None, now: float) -> float | None:
    return None if at is None else round(now - at, 1)
