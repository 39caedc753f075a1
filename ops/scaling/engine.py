"""The engine's tick: the lease, the signals, the decisions, the memories, the actions, the journal.

The daemon and the Lambda call `Engine.tick`; `ops scaling plan` calls `looking.look`, the same
without the lease and with nothing written. Of any number of engines the one that holds the lease
acts; the others stand by.

Memories are written before the actions, not after them: of a launch that nobody remembers the
cool-down would be forgotten. One that AWS refused is taken out of them again.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError
from ops.registry.changes import Remember
from ops.registry.transact import LostLease
from ops.scaling.act import act
from ops.scaling.capacity_ec2 import ANSWER_SECONDS
from ops.scaling.changing import Moment
from ops.scaling.journal import Writer
from ops.scaling.looking import Parts, troubles_of
from ops.scaling.memories import Memories
from ops.scaling.outcomes import Work
from ops.scaling.tick import QueueTick, Ticked, all_decided, take_back

if TYPE_CHECKING:
    from ops.registry.lease import Lease
    from ops.scaling.journal_file import Journal
    from ops.scaling.signals import Gathered

#: A change is sent only while the lease holds for as long as its answer may take, the connection
#: (3 s) included.
_MARGIN_SECONDS: Final = ANSWER_SECONDS + 3.0
#: A lease stands a slow tick: reading takes up to 6 s, and changes need the margin.
LEASE_AT_LEAST_SECONDS: Final = 20.0


class Engine:
    """One engine, tick after tick. Made for one thread."""

    def __init__(
        self,
        parts: Parts,
        *,
        tick_seconds: float,
        lease_seconds: float,
        journal: Journal | None = None,
        once: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`once` is for who does one tick and ends; `clock` is in seconds since the epoch."""
        self._parts = parts
        self._tick_seconds = tick_seconds
        self._lease_seconds = lease_seconds
        self._journal = journal
        self._clock = clock
        self._holder = holder()
        self._lease: Lease | None = None
        self._taken = Moment()
        self._memories = Memories(at_once=once)
        self._writer = Writer()
        self._number = 0

    def tick(self) -> Ticked:
        """Take the lease or renew it, and see to every queue. Raises only what nobody foresaw."""
        now = round(self._clock(), 3)
        troubles: list[str] = []
        lease = self._take(now, troubles)
        if lease is None:
            return Ticked(now, False, troubles=tuple(troubles))
        self._number += 1
        # As long as the lease is held nobody else writes them, and they are most of the registry.
        gathered = self._parts.signals.gather(now, memories=not self._memories.known)
        troubles += troubles_of(gathered)
        queues = self._decide(gathered, lease, now)
        try:
            self._remember(queues, lease, now, troubles)
        except LostLease as error:
            self._lost()
            return Ticked(now, False, troubles=(*troubles, str(error)))
        queues = self._act(queues, lease)
        holds = self._take_back(queues, lease, now, troubles)
        self._write_journal(list(queues.values()), now, troubles)
        if not holds:
            self._lost()
        return Ticked(now, True, queues, tuple(troubles))

    def release(self) -> None:
        """Give the lease up, so that another engine need not wait for its end. Raises OpsError."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._parts.registry.release(lease)

    def _take(self, now: float, troubles: list[str]) -> Lease | None:
        before, moment = self._lease, Moment()
        try:
            taken = self._parts.registry.take(self._holder, now, self._lease_seconds)
        except OpsError as error:
            troubles.append(f"the lease cannot be renewed: {error}")
            # One that is ours still is as good as renewed, for as long as it lasts.
            return before if self._holds() else None
        if taken is None or before is None or taken.generation != before.generation:
            self._lost()
        self._lease, self._taken = taken, moment
        return taken

    def _lost(self) -> None:
        self._lease = None
        self._memories.forget()
        self._writer.begin_anew()

    def _holds(self) -> bool:
        left = self._lease_seconds - self._taken.seconds_ago()
        return self._lease is not None and left > _MARGIN_SECONDS

    def _decide(self, gathered: Gathered, lease: Lease, now: float) -> dict[str, QueueTick]:
        settings, memories = self._parts.settings, self._memories
        stored = None if gathered.registered is None else gathered.registered.memories
        notes = memories.load(stored, settings, now)
        before: dict[str, str | None] = {}
        if self._journal is not None:
            if self._journal.fresh:
                self._writer.begin_anew()
            self._writer.begin(lease.generation)
            before = {q: memories.write_down(q) for q in settings if self._writer.is_full(q)}
        # New at each tick, of this engine and of any other.
        token = f"{lease.generation}.{self._number}"
        decided = all_decided(
            gathered.queues, settings, memories.by_queue, token, self._tick_seconds
        )
        memories.keep(decided.values())
        return {
            queue: replace(
                tick,
                before=before.get(queue),
                notes=(*([notes[queue]] if queue in notes else []), *tick.notes),
            )
            for queue, tick in decided.items()
        }

    def _remember(
        self, queues: Mapping[str, QueueTick], lease: Lease, now: float, troubles: list[str]
    ) -> None:
        texts, not_kept = self._memories.due(queues.values(), now)
        troubles += [f"{queue}: {why}" for queue, why in not_kept.items()]
        try:
            self._parts.registry.write([Remember(*each) for each in texts.items()], lease)
        except LostLease:
            raise
        except (OpsError, ValueError) as error:
            troubles.append(f"not remembered: {error}")
        else:
            self._memories.written(texts, now)

    def _act(self, queues: Mapping[str, QueueTick], lease: Lease) -> dict[str, QueueTick]:
        works = [
            Work(queue, tick.settings.runtime, tick.snapshot.group.value, tick.decision.actions)
            for queue, tick in queues.items()
            if tick.decision.actions
        ]
        if not works:
            return dict(queues)
        parts = self._parts
        outcomes = act(
            works,
            registry=parts.registry,
            capacities=parts.capacities,
            lease=lease,
            holds=self._holds,
            clock=self._clock,
        )
        return {
            queue: replace(tick, outcomes=outcomes[queue]) if queue in outcomes else tick
            for queue, tick in queues.items()
        }

    def _take_back(
        self, queues: Mapping[str, QueueTick], lease: Lease, now: float, troubles: list[str]
    ) -> bool:
        """Remember no launch that was refused; return whether the lease still holds."""
        refused = {
            queue: tick
            for queue, tick in queues.items()
            if take_back(tick, tick.decision.actions, [each.result for each in tick.outcomes])
        }
        try:
            if refused:
                self._remember(refused, lease, now, troubles)
        except LostLease as error:
            troubles.append(str(error))
            return False
        return True

    def _write_journal(self, ticks: Sequence[QueueTick], now: float, troubles: list[str]) -> None:
        if self._journal is None:
            return
        lines = []
        for tick in ticks:
            try:
                lines.append(self._writer.line(tick))
            except (TypeError, ValueError) as error:
                troubles.append(f"{tick.settings.queue}: not in the journal: {error}")
        if trouble := self._journal.write(lines, now):
            troubles.append(f"the journal: {trouble}")


def holder() -> str:
    """Return a name for this process that no other has, also not its own next start."""
    return f"{socket.gethostname()[:100]}/{os.getpid()}/{secrets.token_hex(4)}"
