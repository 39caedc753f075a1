"""The roll of a node's workers: who is there, who died, and the word they make together. Pure.

Times are monotonic seconds, but for `recent` and a word's, which are since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ops.node.bounds import DEATHS_WITHIN_SECONDS
from ops.registry.names import RECENT_AT_MOST, STARTED_AT_MOST
from ops.registry.word import Word

if TYPE_CHECKING:
    from ops.node.seen import Seen
    from ops.node.sight import Looked


@dataclass(frozen=True, slots=True)
class Known:
    """One worker that is there."""

    last: Seen
    """Its last answer; before its first, the trouble with it."""
    at: float
    """When that was."""
    base: int = 0
    """The tasks it had begun before the agent knew it."""
    listens_since: float | None = None
    stuck_since: float | None = None

    @property
    def polled_at(self) -> float | None:
        """When its last poll was answered."""
        age = self.last.last_poll_age
        return None if age is None else self.at - age


@dataclass(frozen=True, slots=True)
class Roll:
    """All workers there are, and what is left of those there were."""

    began: float
    known: Mapping[int, Known] = field(default_factory=dict)
    now: tuple[Seen, ...] = ()
    """As the last look had them."""
    looked_at: float | None = None
    held: str | None = None
    begun_before: int = 0
    """Tasks begun by workers that are gone."""
    recent: tuple[tuple[float, float], ...] = ()
    died: tuple[float, ...] = ()
    silent_since: float | None = None
    """Since when no worker has answered; None: one does."""

    @property
    def quiet(self) -> bool:
        """Whether every worker is, or there is none."""
        return self.looked_at is not None and all(each.quiet for each in self.now)

    @property
    def receiving(self) -> bool:
        """Whether any worker may receive; one that does not answer may."""
        return any(not each.stopped for each in self.now)


def call(roll: Roll, looked: Looked) -> Roll:
    """Return the roll after a look."""
    there = {each.pid: each for each in looked.workers}
    known = {pid: _known(roll, each, looked.at) for pid, each in there.items()}
    gone = [each.last for pid, each in roll.known.items() if pid not in there]
    recent = {pair for each in (*there.values(), *gone) for pair in each.recent}
    answers = any(each.answers for each in looked.workers)
    silent_since = roll.began if roll.silent_since is None else roll.silent_since
    if roll.silent_since is None and roll.looked_at is not None:
        silent_since = looked.at
    lost = len(looked.dead) + sum(_died(each) for each in gone if each.pid not in looked.dead)
    died = (*roll.died, *[looked.at] * lost)
    return replace(
        roll,
        known=known,
        now=looked.workers,
        looked_at=looked.at,
        held=looked.held,
        begun_before=roll.begun_before + sum(each.begun for each in gone),
        recent=tuple(sorted(recent | set(roll.recent)))[-RECENT_AT_MOST:],
        died=tuple(at for at in died if looked.at - at <= DEATHS_WITHIN_SECONDS),
        silent_since=None if answers else silent_since,
    )


def word(
    roll: Roll, *, wall: float, now: float, slots: int, kept: bool, told: Mapping[int, int]
) -> Word:
    """Return the node's word. `slots` is for a node without a worker that says its own.

    `kept` is whether a worker that started now would be paused. `told` are the tasks begun by
    worker as the word before had them. A worker that does not answer counts as it last did, and as
    one that may receive.
    """
    workers = list(roll.known.values())
    taking = [each for each in workers if not each.last.ending]
    room = sum(each.last.busy if each.last.ending else each.last.slots for each in workers)
    starts = sorted(wall - (now - each.at) - age for each in workers for age in each.last.ages)
    waits = [
        waited
        for pid, each in roll.known.items()
        if (waited := each.last.waited_since(told.get(pid, each.base))) is not None
    ]
    polls = [each.polled_at for each in workers if each.polled_at is not None]
    releases = [each.last.release for each in (*workers, *taking) if each.last.release]
    return Word(
        busy=sum(each.last.busy for each in workers),
        slots=max(1, room if any(each.last.slots for each in taking) else max(slots, room)),
        paused=not roll.receiving and (kept or bool(roll.now)),
        release=releases[-1] if releases else "",
        started=tuple(starts[:STARTED_AT_MOST]),
        recent=roll.recent,
        begun=roll.begun_before + sum(each.last.begun for each in workers),
        longest_wait=max(waits, default=None),
        polled=wall - (now - max(polls)) if polls else None,
    )


def begun(roll: Roll) -> dict[int, int]:
    """Return how many tasks each worker has begun."""
    return {pid: each.last.begun for pid, each in roll.known.items()}


def _known(roll: Roll, now: Seen, at: float) -> Known:
    before = roll.known.get(now.pid)
    if not now.answers:
        return (
            Known(now, at)
            if before is None
            else replace(before, listens_since=None, stuck_since=None)
        )
    # One that was there before the agent has told its waits to the agent before.
    base = now.begun if roll.looked_at is None else 0
    known = Known(now, at, base) if before is None else replace(before, last=now, at=at)
    return replace(
        known,
        listens_since=_since(known.listens_since, at) if now.listens else None,
        stuck_since=_since(known.stuck_since, at) if now.stuck else None,
    )


def _since(before: float | None, at: float) -> float:
    return at if before is None else before


def _died(gone: Seen) -> bool:
    """Whether a worker that took its socket along was lost: it ran tasks, and was not ending."""
    return gone.busy > 0 and not gone.ending
