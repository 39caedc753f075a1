"""How far a worker looks ahead with ``prefetch = "auto"``: by what it has measured. Pure."""

from __future__ import annotations

from typing import Final

from worker.sqs.poll import AHEAD_SECONDS, ahead

#: How much of a new run's time enters the average.
SMOOTHING: Final = 0.1

#: Look-ahead that has waited longer than this was sized by tasks quicker than those that run.
STALE_SECONDS: Final = 2 * AHEAD_SECONDS


class LookAhead:
    """The look-ahead of one worker, in messages; always 0 unless ``enabled``."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._run_seconds: float | None = None

    def ran(self, seconds: float) -> None:
        """Take a run's time into the average."""
        known = self._run_seconds
        self._run_seconds = seconds if known is None else known + SMOOTHING * (seconds - known)

    def messages(self, slots: int, longest_run_seconds: float = 0.0) -> int:
        """Return how many messages beyond ``slots`` to hold.

        A run under way that already takes longer than the average counts instead of it.
        """
        if not self._enabled or self._run_seconds is None:
            return 0
        return ahead(slots, max(self._run_seconds, longest_run_seconds))
