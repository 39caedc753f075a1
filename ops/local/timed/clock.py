"""The wall clock by which the local AWS does what is to be done at a time of day."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from ops.local.admin import Refused

#: What one turn passes over is worked out minute by minute.
_TURN_AT_MOST: Final = timedelta(days=31)


class Clock:
    """This machine's clock, until it is turned forward; it is never turned back."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    @property
    def ahead_seconds(self) -> float:
        """How far it was turned."""
        return self._ahead_seconds

    def now(self) -> float:
        """Return the time it shows, in seconds of the epoch."""
        return time.time() + self._ahead_seconds

    def turn(self, seconds: float) -> None:
        """Turn it forward."""
        self._ahead_seconds += seconds

    def shown(self) -> str:
        """Return the time it shows, as text."""
        return f"{datetime.fromtimestamp(self.now(), UTC):%Y-%m-%dT%H:%M:%SZ}"

    def asked(self, body: object) -> float:
        """Return by how many seconds a request turns it. Raises Refused."""
        match body:
            case {"ahead_seconds": bool()}:
                seconds = None
            case {"ahead_seconds": int() | float() as more}:
                seconds = float(more)
            case {"time": str(text)}:
                seconds = _seconds(text) - self.now()
            case _:
                seconds = None
        if seconds is None or not 0 < seconds <= _TURN_AT_MOST.total_seconds():
            raise Refused(
                'expected {"ahead_seconds": NUMBER} or {"time": "2026-01-02T03:04:05Z"} that turns '
                f"the clock forward from {self.shown()} by at most {_TURN_AT_MOST.days} days, got "
                f"{body!r:.100}"
            )
        return seconds


def _seconds(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"expected a time such as 2026-01-02T03:04:05Z, got {text!r}") from error
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
