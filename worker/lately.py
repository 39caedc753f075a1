"""What a worker has begun and finished lately: a bounded memory, for those who estimate from it."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from worker.outcomes import Outcome, Verdict

RECENT_AT_MOST: Final = 32
WAITS_AT_MOST: Final = 32

#: Ends that say how long such a task takes: the others were cut short from outside.
_COMPLETED: Final = frozenset(
    {
        Outcome.DONE,
        Outcome.RETRIED,
        Outcome.IGNORED,
        Outcome.FAILED,
        Outcome.TIMED_OUT,
        Outcome.REJECTED,
        Outcome.REQUEUED,
    }
)


class Lately:
    """Counts the tasks begun, and keeps the last completions and the longest waits.

    May be called from any thread. Of waits only those are kept that no later start has waited
    longer than: the longest since any start is among them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = 0
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_AT_MOST)
        self._waits: deque[tuple[int, float]] = deque()

    def began(self, waited_seconds: float) -> None:
        """Count a task that has begun."""
        with self._lock:
            self._begun += 1
            while self._waits and self._waits[-1][1] <= waited_seconds:
                self._waits.pop()
            self._waits.append((self._begun, waited_seconds))
            if len(self._waits) > WAITS_AT_MOST:
                # The two oldest become one: told a little longer than it was, never shorter.
                _, longest = self._waits.popleft()
                self._waits[0] = (self._waits[0][0], longest)

    def ended(self, ran_seconds: float, verdict: Verdict) -> None:
        """Keep how long a task ran that has come to an end of its own."""
        if verdict.outcome in _COMPLETED:
            self._recent.append((time.time(), ran_seconds))

    def status(self) -> dict[str, object]:
        """Return it as JSON-ready data.

        ``begun`` counts since the start. ``recent`` are times of ends since the epoch, and the
        seconds each ran, oldest first. ``waits`` are numbers of starts and the seconds each
        waited: the first whose number is above n is the longest wait since the n-th start.
        """
        with self._lock:
            return {
                "begun": self._begun,
                "recent": [[round(at, 3), round(ran, 3)] for at, ran in list(self._recent)],
                "waits": [[number, round(waited, 3)] for number, waited in self._waits],
            }
