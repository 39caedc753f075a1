"""What a forwarder did, counted."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Tally:
    """How many messages were moved, by what became of them. Safe to share between threads."""

    delivered: int = 0  # to their own queues
    hidden: int = 0  # left to wait on
    renewed: int = 0  # sent to the delay queue anew
    refused: int = 0  # put into its dead-letter queue
    failed: int = 0  # to be tried again
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, **counts: int) -> None:
        """Count more."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def as_data(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: count for name, count in vars(self).items() if not name.startswith("_")}
