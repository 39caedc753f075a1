"""What is remembered of every queue: at hand while the lease is held, and in the registry. Pure.

It is read from the registry when the lease is taken over. It is written there with what the engine
is about to do, within a minute where nodes came, went or booted, and else every ten minutes: who
takes over then lacks so much of what was learnt of run times and arrivals, and nothing else.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.registry.names import MEMORY_AT_MOST_BYTES
from ops.scaling.memory import Memory, MemoryUnreadable
from ops.scaling.tick import QueueTick, written_down

#: What the note begins with that a queue starts anew: made on the way to deciding, and not by it.
NONE_STORED: Final = "the registry holds no memory of it, it starts with an empty one: "
#: The least time between two writes of a queue's memory that come with no action.
NODES_SECONDS: Final = 60.0
#: The same where no node came or went.
LEARNT_SECONDS: Final = 600.0

#: Below this a memory is written as it is: it costs no read unit more, and a person can read it.
_PACKED_FROM_BYTES: Final = 3_000
_PACKED: Final = "z:"
#: Far above the largest memory there is, far below what would hurt.
_UNPACKED_AT_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Written:
    at: float
    marks: Any


class Memories:
    """Every queue's memory, while one lease is held.

    `at_once` is for who does one tick and ends: everything is written at every tick.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self._memories: dict[str, Memory | None] = {}
        self._written: dict[str, _Written] = {}
        self._known = False

    def forget(self) -> None:
        """Know nothing: the lease was another's, or may have been."""
        self._memories, self._written, self._known = {}, {}, False

    def load(
        self, stored: Mapping[str, str] | None, queues: Iterable[str], now: float
    ) -> dict[str, str]:
        """Take what the registry holds, once; None where it was not read, and is not known yet.

        Returns what could not be read, by queue; that queue starts with an empty memory.
        """
        troubles: dict[str, str] = {}
        if self._known:
            return troubles
        self._known = stored is not None
        for queue in queues:
            if stored is None:
                self._memories[queue] = None
                continue
            memory, trouble = read(stored.get(queue))
            self._memories[queue] = memory
            if trouble:
                troubles[queue] = trouble
            elif queue in stored:
                # Not all of them at the same tick ten minutes from now.
                ago = zlib.crc32(queue.encode()) % LEARNT_SECONDS
                self._written[queue] = _Written(now - ago, _marks(memory))
        return troubles

    @property
    def known(self) -> bool:
        """Whether they were taken from the registry."""
        return self._known

    @property
    def by_queue(self) -> Mapping[str, Memory | None]:
        """The memories; None where one is not known."""
        return self._memories

    def write_down(self, queue: str) -> str | None:
        """Return a queue's memory as text, and go on from that text."""
        memory = self._memories[queue]
        if memory is None:
            return None
        text, self._memories[queue] = written_down(memory)
        return text

    def keep(self, ticks: Iterable[QueueTick]) -> None:
        """Keep what was learnt at a tick."""
        for tick in ticks:
            self._memories[tick.settings.queue] = tick.memory

    def due(self, ticks: Iterable[QueueTick], now: float) -> tuple[dict[str, str], dict[str, str]]:
        """Return what is to be written into the registry, and what cannot be, by queue.

        The first is ready to be written, the second says why not.
        """
        texts: dict[str, str] = {}
        not_kept: dict[str, str] = {}
        for tick in ticks:
            queue, memory = tick.settings.queue, tick.memory
            if memory is None or not self._is_due(queue, memory, bool(tick.decision.actions), now):
                continue
            try:
                text = packed(memory.to_text())
            except (TypeError, ValueError) as error:
                not_kept[queue] = f"its memory cannot be written: {error}"
                continue
            if len(text) <= MEMORY_AT_MOST_BYTES:
                texts[queue] = text
                continue
            not_kept[queue] = (
                f"its memory of {len(text)} bytes is not kept for the next engine: "
                f"the registry takes {MEMORY_AT_MOST_BYTES}"
            )
            self.written((queue,), now)
        return texts, not_kept

    def written(self, queues: Iterable[str], now: float) -> None:
        """Note that these are in the registry now."""
        for queue in queues:
            memory = self._memories[queue]
            if memory is not None:
                self._written[queue] = _Written(now, _marks(memory))

    def _is_due(self, queue: str, memory: Memory, acts: bool, now: float) -> bool:
        written = self._written.get(queue)
        if acts or self._at_once or written is None:
            return True
        age = now - written.at
        if age >= LEARNT_SECONDS or age < 0:
            return True
        return age >= NODES_SECONDS and written.marks != _marks(memory)


def read(stored: str | None) -> tuple[Memory, str]:
    """Return the memory that the registry holds, an empty one and why where it is none."""
    if stored is None:
        return Memory(), ""
    try:
        return Memory.from_text(unpacked(stored)), ""
    except (MemoryUnreadable, ArithmeticError, LookupError, RecursionError) as error:
        return Memory(), f"{NONE_STORED}{str(error)[:300]}"


def packed(text: str) -> str:
    """Return a memory as the registry holds it: plain, or compressed where it is long."""
    if len(text) < _PACKED_FROM_BYTES:
        return text
    return _PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(stored: str) -> str:
    """Return the memory that `packed` was given; what is none is returned as it is."""
    if not stored.startswith(_PACKED):
        return stored
    try:
        data = base64.b64decode(stored.removeprefix(_PACKED), validate=True)
        return zlib.decompressobj().decompress(data, _UNPACKED_AT_MOST_BYTES).decode()
    except (ValueError, zlib.error):
        return stored


def _marks(memory: Memory) -> Any:
    """Return what the next engine must not miss for longer than a minute."""
    return (
        tuple(memory.first_seen),
        tuple(memory.ending),
        tuple(memory.boots),
        memory.launched_at,
    )
