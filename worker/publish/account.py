"""The account of a bulk: which items are sent, refused or still open, in bounded memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from worker.publish.items import REFUSALS_KEPT, Refusal, Report

_Of = TypeVar("_Of")


class Account(Generic[_Of]):
    """Counts items, and keeps what is needed of each until its end is known."""

    def __init__(self) -> None:
        self.taken = 0
        self.sent = 0
        self.refused = 0
        self._refusals: list[Refusal] = []
        self._open: dict[int, _Of] = {}

    def take(self, of: _Of) -> int:
        """Count one more item, to be published; return its index."""
        index = self.taken
        self._open[index] = of
        self.taken += 1
        return index

    def confirm(self, index: int) -> _Of:
        """Count an item as sent, and return what was kept of it."""
        self.sent += 1
        return self._open.pop(index)

    def refuse(self, index: int, reason: str) -> None:
        """Count an item as refused."""
        self._open.pop(index)
        self.refused += 1
        if len(self._refusals) < REFUSALS_KEPT:
            self._refusals.append(Refusal(index, reason))

    @property
    def lag(self) -> int:
        """How many items were taken since the oldest whose end is not known yet."""
        return self.taken - next(iter(self._open), self.taken)

    def report(self) -> Report:
        """Return the account as it stands; what is open counts as unconfirmed."""
        return Report(self.sent, self.refused, self.taken, tuple(self._refusals), tuple(self._open))


class InOrder(Generic[_Of]):
    """Puts what comes in any order into the order of its indices, which have no gap."""

    def __init__(self) -> None:
        self._next = 0
        self._early: dict[int, _Of | None] = {}

    def put(self, index: int, of: _Of | None) -> None:
        """Take what belongs to an index; None where nothing is to be given for it."""
        self._early[index] = of

    def ready(self) -> Iterator[tuple[int, _Of]]:
        """Give, once, what no earlier index is missing for."""
        while self._next in self._early:
            index = self._next
            self._next += 1
            of = self._early.pop(index)
            if of is not None:
                yield index, of
