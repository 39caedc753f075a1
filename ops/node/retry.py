"""When something that failed is tried again. Pure; times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from ops.node.bounds import RETRY_AT_MOST_SECONDS, RETRY_FIRST_SECONDS


@dataclass(frozen=True, slots=True)
class Retry:
    """How often it failed in a row, and when it is due again."""

    failures: int = 0
    due: float = 0.0

    def failed(self, now: float, rng: Random, *, at_most: float = RETRY_AT_MOST_SECONDS) -> Retry:
        """Return what follows a failure: half of the wait is fixed, half drawn."""
        bound = min(at_most, RETRY_FIRST_SECONDS * 2.0 ** min(self.failures, 10))
        return Retry(self.failures + 1, now + bound / 2 + rng.uniform(0, bound / 2))

    def done(self, now: float, again_after: float) -> Retry:
        """Return what follows a success."""
        return Retry(0, now + again_after)


#: Nothing has failed, and nothing is waited for.
AT_ONCE: Final = Retry()
