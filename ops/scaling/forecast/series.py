"""Sums over any stretch of a history, in constant time once prepared."""

from __future__ import annotations

from itertools import accumulate
from typing import Protocol

from ops.scaling.forecast.history import History


class Series(Protocol):
    """Buckets by number; what is outside of them, or unknown, is neither summed nor counted."""

    def total(self, begin: int, end: int) -> tuple[int, int]:
        """Return the arrivals from bucket `begin` to before `end`, and how many are known."""
        ...


class Summed:
    """All sums prepared: for a backtest, which asks for many stretches."""

    def __init__(self, history: History) -> None:
        self._first = history.first
        self._end = history.open
        self._sums = list(accumulate((n or 0 for n in history.counts), initial=0))
        self._known = list(accumulate((n is not None for n in history.counts), initial=0))

    def total(self, begin: int, end: int) -> tuple[int, int]:
        """Return the sum and the number known, see `Series`."""
        low = (begin if begin > self._first else self._first) - self._first
        high = (end if end < self._end else self._end) - self._first
        if high <= low:
            return 0, 0
        return self._sums[high] - self._sums[low], self._known[high] - self._known[low]


class Read:
    """Nothing prepared: for one forecast, which asks for few and short stretches."""

    def __init__(self, history: History) -> None:
        self._first = history.first
        self._counts = history.counts

    def total(self, begin: int, end: int) -> tuple[int, int]:
        """Return the sum and the number known, see `Series`."""
        known = [
            n
            for n in self._counts[max(0, begin - self._first) : max(0, end - self._first)]
            if n is not None
        ]
        return sum(known), len(known)
