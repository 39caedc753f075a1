"""A queue's arrivals in buckets of five minutes: bounded, and unknown where nobody looked."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

BUCKET_SECONDS: Final = 300
HOUR: Final = 3600 // BUCKET_SECONDS
DAY: Final = 86400 // BUCKET_SECONDS
WEEK: Final = 7 * DAY

#: A week of scores, three days of errors before it, a week to its season, and a day to spare.
KEPT_BUCKETS: Final = 18 * DAY

#: An engine ticks every 15 s, a Lambda every 60 s; after two of those it cannot say what came when.
_LONGEST_SILENCE_SECONDS: Final = 120.0
# A bucket of which less was seen is unknown; of which more was seen is scaled up to the whole.
_SEEN_SHARE: Final = 0.5
#: As many arrivals as a bucket can hold in its four bytes; the last value says unknown.
MOST: Final = 2**32 - 2


class History(NamedTuple):
    """The arrivals of one queue, at most 18 days of them; a value, changed by making a new one.

    `counts` are closed buckets, oldest first, None where unknown; bucket number n begins at
    n x 300 s since the epoch and `first` is the number of the first. The bucket after them is
    open: `arrived` tasks were counted in `covered` seconds of it, the last add was at `told`.
    """

    first: int = 0
    counts: tuple[int | None, ...] = ()
    told: float | None = None
    arrived: float = 0.0
    covered: float = 0.0

    @property
    def open(self) -> int:
        """The number of the open bucket: everything before it is closed."""
        return self.first + len(self.counts)

    def add(self, at: float, arrivals: float | None, since: float | None = None) -> History:
        """Return the history with the tasks that arrived from `since` (the last add) to `at`.

        Arrivals are None where they are unknown. Without `since` a silence of more than two minutes
        is unknown as well; who skips ticks in which nothing happened says since when it looked.
        A clock that went back adds to the open bucket; by more than a bucket, and what lies after
        it was written by a clock that was wrong: it is dropped.
        """
        if arrivals is not None and not (math.isfinite(arrivals) and arrivals >= 0):
            raise ValueError(f"arrivals: expected a number from 0, got {arrivals!r}")
        number = int(at // BUCKET_SECONDS)
        ahead = number - self.open
        if self.told is None or not -1 <= ahead < KEPT_BUCKETS:
            return self._begun_at(at, number)
        if at <= self.told:
            return self._replace(arrived=self.arrived + (arrivals or 0.0))
        begin = self.told if since is None else min(at, max(since, self.told))
        if arrivals is None or (since is None and at - begin > _LONGEST_SILENCE_SECONDS):
            begin, arrivals = at, 0.0
        if ahead == 0:
            covered = self.covered + at - begin
            return History(self.first, self.counts, at, self.arrived + arrivals, covered)
        return self._closed_up_to(number, begin, at, arrivals)

    def _begun_at(self, at: float, number: int) -> History:
        before = number - self.first if self.told is not None and number < self.open else 0
        before = max(0, before)
        return History(number - before, self.counts[:before], at)

    def _closed_up_to(self, number: int, begin: float, at: float, arrivals: float) -> History:
        """Close every bucket before `number`; the arrivals came evenly from `begin` to `at`."""
        length = at - begin
        per_second = arrivals / length if length > 0 else 0.0
        closed: list[int | None] = []
        arrived, covered = self.arrived, self.covered
        for bucket in range(self.open, number):
            seen = max(0.0, (bucket + 1) * BUCKET_SECONDS - max(begin, bucket * BUCKET_SECONDS))
            closed.append(_count(arrived + seen * per_second, covered + seen))
            arrived = covered = 0.0
        counts = (self.counts + tuple(closed))[-KEPT_BUCKETS:]
        seen = max(0.0, at - max(begin, number * BUCKET_SECONDS))
        return History(number - len(counts), counts, at, seen * per_second, seen)


def _count(arrived: float, covered: float) -> int | None:
    if covered < _SEEN_SHARE * BUCKET_SECONDS:
        return None
    return min(MOST, round(arrived * BUCKET_SECONDS / min(covered, BUCKET_SECONDS)))


def from_counts(first_at: float, counts: tuple[int | None, ...]) -> History:
    """Return a history of counts that somebody else kept, such as CloudWatch's five-minute sums.

    `first_at` is when the first of them began, rounded down to a bucket; seconds since the epoch.
    """
    number = int(first_at // BUCKET_SECONDS)
    kept = tuple(None if n is None else min(MOST, max(0, n)) for n in counts[-KEPT_BUCKETS:])
    first = number + len(counts) - len(kept)
    return History(first, kept, float((first + len(kept)) * BUCKET_SECONDS))
