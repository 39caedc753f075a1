"""What one tick decides, for every queue, with each guarded from the others. Pure.

The engine, the Lambda, `ops scaling plan` and `replay` all decide by `decided`, which brings the
queue's memory up to date in place. Where a memory is written down as text it is read back at once
(`written_down`), so that who goes on from the text decides as who goes on from the memory.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from ops.scaling.decide import decide
from ops.scaling.decision import Decision
from ops.scaling.learn import boot_seconds
from ops.scaling.memory import Memory
from ops.scaling.model import Action, QueueSnapshot
from ops.scaling.outcomes import Outcome
from ops.scaling.settings import Settings
from ops.scaling.standing import Standing, stand


@dataclass(frozen=True, slots=True)
class QueueTick:
    """One queue's part of a tick: what was decided, on what, and what became of it."""

    snapshot: QueueSnapshot
    settings: Settings
    tick_seconds: float
    token: str
    decision: Decision
    memory: Memory | None
    """What is remembered from now on, brought on by the ticks after; None: it is not known."""
    before: str | None = None
    """What was remembered before, where that was written down."""
    notes: tuple[str, ...] = ()
    """What went wrong, in words."""
    outcomes: tuple[Outcome, ...] = ()
    """One an action, in their order; none where nothing was carried out."""
    launched_before: float | None = None
    """When its last launch was before this tick's, for where AWS refuses this one."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick came to."""

    at: float
    acts: bool
    """False: another engine holds the lease, or nobody could be asked for it."""
    queues: Mapping[str, QueueTick] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    """What went wrong that is no single queue's, in words."""


def decided(
    snapshot: QueueSnapshot,
    settings: Settings,
    memory: Memory | None,
    token: str,
    tick_seconds: float,
) -> QueueTick:
    """Decide about one queue. Raises nothing: what goes wrong holds this queue and says so."""

    launched = None if memory is None else memory.launched_at

    def done(decision: Decision, remembers: Memory | None, *notes: str) -> QueueTick:
        return QueueTick(
            snapshot, settings, tick_seconds, token, decision, remembers,
            notes=notes, launched_before=launched,
        )  # fmt: skip

    if memory is None:
        why = snapshot.nodes.trouble or "the registry was not read"
        return done(_hold(settings, f"what is remembered of it is not known: {why}"), None)
    try:
        return done(decide(snapshot, settings, memory, token, tick_seconds), memory)
    except Exception as error:
        failed = error
    # A memory outlives the code that wrote it: one it fails on would hold the queue for good.
    new = Memory()
    try:
        decision = decide(snapshot, settings, new, token, tick_seconds)
    except Exception as error:
        why = f"deciding failed, report this: {_told(error)}"
        return done(_hold(settings, why), memory)
    return done(decision, new, f"starts with an empty memory: {_told(failed)}")


def take_back(tick: QueueTick, actions: Sequence[Action], results: Sequence[str]) -> bool:
    """Take a launch that was refused out of a tick's memory: nothing cools down after it.

    `actions` are what was carried out, and `results` what became of each. Returns whether one was
    refused. Who replays a journal does the same, so that both remember the same.
    """
    refused = any(
        action.kind == "launch" and result == "refused"
        for action, result in zip(actions, results, strict=False)
    )
    if refused and tick.memory is not None:
        tick.memory.launched_at = tick.launched_before
    return refused


def all_decided(
    snapshots: Mapping[str, QueueSnapshot],
    settings: Mapping[str, Settings],
    memories: Mapping[str, Memory | None],
    token: str,
    tick_seconds: float,
) -> dict[str, QueueTick]:
    """Decide about every queue there are settings for."""
    return {
        queue: decided(_in_force(snapshots[queue]), each, memories[queue], token, tick_seconds)
        for queue, each in settings.items()
    }


def written_down(memory: Memory) -> tuple[str, Memory]:
    """Return a memory as text, and the memory that this text is."""
    text = memory.to_text()
    again = Memory.from_text(text)
    # It follows from the history, and is dear to make again.
    again.forecaster = memory.forecaster
    return text, again


def standing_of(tick: QueueTick) -> Standing | None:
    """Return where the queue's nodes stood at a tick, None where its group is unknown."""
    snapshot, group = tick.snapshot, tick.snapshot.group.value
    if group is None:
        return None
    memory = Memory() if tick.memory is None else tick.memory
    nodes = snapshot.nodes.value or ()
    boot = boot_seconds(tick.settings, memory)
    return stand(group, nodes, memory, now=snapshot.now, slots=tick.settings.slots, boot=boot)


def in_words(action: Action) -> str:
    """Return an action in few words."""
    match action.kind:
        case "launch":
            return f"launch {action.nodes}, to {action.desired}"
        case "terminate":
            return f"end {action.node}"
        case _:
            return f"{action.kind} {action.node}"


def _in_force(snapshot: QueueSnapshot) -> QueueSnapshot:
    pin = snapshot.pin
    ended = pin is not None and pin.until is not None and pin.until <= snapshot.now
    return replace(snapshot, pin=None) if ended else snapshot


def _hold(settings: Settings, why: str) -> Decision:
    return Decision(settings.queue, (), f"hold: {why}")


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {text}{place}"
