"""Entries due at a time, cheap to replace: the old one stays in the heap until it is met."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from tests.sqs.message import Message


class Timers:
    """A heap of (due, message) in which an entry counts only while ``is_current`` says so.

    Moving a message's due time just adds an entry. When stale entries outnumber the others the
    heap is rebuilt, so that renewing a lease for hours costs neither time nor memory: every
    operation is O(log n), amortised, in what is really waiting.
    """

    def __init__(self, is_current: Callable[[Message, float], bool]) -> None:
        self._is_current = is_current
        self._heap: list[tuple[float, int, Message]] = []
        self._added = 0
        self._rebuild_at = 1024

    def add(self, due_at: float, message: Message) -> None:
        """Add an entry; earlier ones for the same message become stale by ``is_current``."""
        self._added += 1
        heapq.heappush(self._heap, (due_at, self._added, message))
        if len(self._heap) > self._rebuild_at:
            self._heap = [entry for entry in self._heap if self._is_current(entry[2], entry[0])]
            heapq.heapify(self._heap)
            self._rebuild_at = max(1024, 2 * len(self._heap))

    def pop_due(self, now: float) -> Message | None:
        """The next message whose time has come, or None."""
        while self._heap and self._heap[0][0] <= now:
            due_at, _, message = heapq.heappop(self._heap)
            if self._is_current(message, due_at):
                return message
        return None

    def next_due(self) -> float | None:
        """When the next message is due, or None if nothing waits."""
        while self._heap and not self._is_current(self._heap[0][2], self._heap[0][0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
