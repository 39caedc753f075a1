"""One step of the agent: from what it sees and knows to what it does and knows then. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from ops.node import departing, lifecycle, speaking
from ops.node import roll as rolls
from ops.node.actions import (
    Beat,
    Complete,
    Condemn,
    Confirm,
    Identify,
    Leave,
    Look,
    Mark,
    Peek,
    Speak,
    Verdict,
    Withdraw,
)
from ops.node.bounds import IDENTIFY_SECONDS, LAST_WORD_SECONDS, LOOK_SECONDS, METADATA_SECONDS
from ops.node.judge import at_work, beyond_repair, stuck
from ops.node.seen import AGENT
from ops.node.sight import Kind, Lane
from ops.node.stance import Stance, orders, stance
from ops.node.talk import talk

if TYPE_CHECKING:
    from ops.node.actions import Action
    from ops.node.memory import Memory, Settings
    from ops.node.sight import Place, Result, Sight


def steps(
    sight: Sight, memory: Memory, now: float, rng: Random, settings: Settings
) -> tuple[list[Action], Memory]:
    """Return what to do now, in this order, and what is known then. `now` is monotonic."""
    memory = _absorb(sight, memory, now, rng, settings)
    stands = stance(memory, sight.noticed, now)
    actions: list[Action] = [*_marks(stands, memory), *_verdict(sight, memory, now)]
    actions += _ask_around(sight, memory, now)
    if Lane.WORKERS not in sight.busy:
        actions += _of_workers(stands, memory, now)
    if Lane.REGISTRY not in sight.busy:
        spoken, memory = _of_registry(sight, stands, memory, now, settings)
        actions += spoken
    if Lane.GROUP not in sight.busy:
        actions += _of_group(sight, stands, memory, now)
    said, memory = talk(sight, stands, memory)
    return [*actions, *said], memory


def ended(place: Place | None, memory: Memory, now: float) -> bool:
    """Whether an agent that is asked to end may: a task's has seen its workers off before."""
    return not _is_task(place) or _over(memory, now)


def _is_task(place: Place | None) -> bool:
    return place is not None and place.kind is Kind.TASK


def _over(memory: Memory, now: float) -> bool:
    """Whether a node that leaves has no workers and no more to say."""
    return memory.gone_at is not None and (
        memory.speech.left or now >= memory.gone_at + LAST_WORD_SECONDS
    )


# -- what is known -------------------------------------------------------------------------------


def _absorb(sight: Sight, memory: Memory, now: float, rng: Random, settings: Settings) -> Memory:
    looked = sight.looked
    if looked is not None and looked.at != memory.roll.looked_at:
        memory = replace(memory, roll=rolls.call(memory.roll, looked))
    for result in sight.results:
        memory = _answered(memory, result, now, rng, settings)
    within = departing.drain_seconds(settings.drain_budget_seconds, settings.heartbeat_seconds)
    leaves = departing.departure(
        memory.leaves, sight.noticed, wall=sight.wall, now=now, within=within
    )
    if sight.ending and _is_task(sight.place):
        budget = settings.drain_budget_seconds
        leaves = departing.stopped(leaves, now=now, budget_seconds=budget)
    gone = leaves is not None and looked is not None and (not looked.workers or leaves.overdue(now))
    gone_at = (now if memory.gone_at is None else memory.gone_at) if gone else None
    return replace(memory, leaves=leaves, gone_at=gone_at)


def _answered(
    memory: Memory, result: Result, now: float, rng: Random, settings: Settings
) -> Memory:
    name = type(result.action).__name__
    troubles = {key: text for key, text in memory.troubles.items() if key != name}
    if result.trouble:
        troubles[name] = result.trouble
    memory = replace(memory, troubles=troubles)
    match result.action:
        case Mark(reason):
            return memory if result.trouble else replace(memory, marked=reason)
        case Verdict(why):
            return memory if result.trouble else replace(memory, verdict=why)
        case Identify():
            again = memory.identify.done(now, IDENTIFY_SECONDS)
            if result.trouble:
                again = memory.identify.failed(now, rng)
            return replace(memory, identify=again)
        case Speak() | Confirm() | Withdraw() | Leave():
            every = settings.word_seconds
            speech = speaking.answered(memory.speech, result, now, rng, every=every)
            return replace(memory, speech=speech)
        case Beat() | Complete() | Condemn():
            member = lifecycle.answered(memory.member, result, now, rng)
            return replace(memory, member=member)
    return memory


def _target(sight: Sight) -> str:
    return "" if sight.noticed is None else sight.noticed.target or ""


# -- what to do ----------------------------------------------------------------------------------


def _marks(stands: Stance, memory: Memory) -> Iterator[Action]:
    wanted = f"{AGENT}{stands.kept}" if stands.kept else None
    if wanted != memory.marked:
        yield Mark(wanted)


def _verdict(sight: Sight, memory: Memory, now: float) -> Iterator[Action]:
    """Have a task of ECS replaced where an instance would be, unless it is being stopped anyway."""
    if memory.leaves is not None:
        return
    why = ""
    if _is_task(sight.place):
        why = stuck(memory.roll, now)
        if not why and not at_work(memory.roll):
            why = beyond_repair(memory.roll, now)
    if bool(why) != (memory.verdict is not None):
        yield Verdict(why or None)


def _ask_around(sight: Sight, memory: Memory, now: float) -> Iterator[Action]:
    if Lane.METADATA in sight.busy:
        return
    place = sight.place
    if (place is None or place.trouble) and now >= memory.identify.due:
        yield Identify()
    elif place is not None and place.kind is Kind.INSTANCE and _peeks(sight, now):
        yield Peek()


def _peeks(sight: Sight, now: float) -> bool:
    return sight.noticed is None or now >= sight.noticed.at + METADATA_SECONDS


def _of_workers(stands: Stance, memory: Memory, now: float) -> Iterator[Action]:
    roll = memory.roll
    told = orders(stands, roll) if memory.leaves is None else []
    if memory.leaves is not None:
        told = departing.drains(memory.leaves, roll, now)
    yield from told
    if told or roll.looked_at is None or now >= roll.looked_at + LOOK_SECONDS:
        yield Look()


def _of_registry(
    sight: Sight, stands: Stance, memory: Memory, now: float, settings: Settings
) -> tuple[list[Action], Memory]:
    speech = memory.speech
    if sight.place is None or memory.roll.looked_at is None or speech.left or stands.warm:
        return [], memory
    if sight.withdrawing:
        return [Withdraw()], memory
    # Not before it is known to be no node of the warm pool.
    if sight.place.kind is Kind.INSTANCE and sight.noticed is None:
        return [], memory
    # Only who has registered can leave: of an agent that was killed the next one does both.
    if memory.gone_at is not None and speech.heard_at is not None:
        return ([Leave()] if now >= speech.leave.due else []), memory
    word = rolls.word(
        memory.roll,
        wall=sight.wall,
        now=now,
        slots=settings.slots,
        kept=memory.marked is not None or stands.held is not None,
        told=speech.told,
    )
    action: Action
    # An order may be on its way that the last look does not know of: it is followed by another.
    settled = Lane.WORKERS not in sight.busy
    confirms = speaking.confirms(speech, stands.confirm, memory.roll.looked_at, now)
    if word.idle and settled and confirms:
        action = Confirm(stands.confirm, word)
    elif speaking.due(speech, word, now):
        action = Speak(word)
    else:
        return [], memory
    return [action], replace(memory, speech=replace(speech, telling=rolls.begun(memory.roll)))


def _of_group(sight: Sight, stands: Stance, memory: Memory, now: float) -> list[Action]:
    place, leaves = sight.place, memory.leaves
    if place is None or place.kind is not Kind.INSTANCE or not place.group:
        return []
    well = leaves is None and not stands.warm
    call = lifecycle.owed_to_group(
        memory.member,
        lifecycle.Owed(
            joins=_joins(sight, stands, memory),
            terminating=leaves is not None and leaves.terminating,
            gone=_over(memory, now),
            broken=beyond_repair(memory.roll, now) if well else "",
        ),
        now,
    )
    return [] if call is None else [call]


def _joins(sight: Sight, stands: Stance, memory: Memory) -> str:
    """Return the state that the group may put the node in, as far as its workers are concerned."""
    target = _target(sight)
    consume = [each for each in memory.roll.now if each.slots and not each.ending]
    if stands.warm:
        return target if consume and memory.roll.quiet else ""
    if target != departing.IN_SERVICE:
        return ""
    # One that is told not to receive is as far as it can be.
    polled = any(each.last_poll_age is not None for each in consume)
    told = memory.speech.heard is not None and not stands.receives
    return target if polled or (consume and told) else ""
