"""Lengths of time as units give them: systemd.time(7). Pure."""

from __future__ import annotations

import math
import re
from typing import Final

_UNITS: Final = {
    "us": 1e-6,
    "ms": 1e-3,
    "": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
}
_PIECE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


def seconds(text: str) -> float:
    """Return a span in seconds: "90", "5min 20s", "12h"; "infinity" is `math.inf`.

    Raises ValueError, whose text says what was expected.
    """
    if text.strip() == "infinity":
        return math.inf
    total, at = 0.0, 0
    while match := _PIECE.match(text, at):
        if match[2] not in _UNITS:
            break
        total, at = total + float(match[1]) * _UNITS[match[2]], match.end()
    if at == 0 or at != len(text):
        raise ValueError(f"expected a span such as 90, 5min 20s or infinity, found {text!r}")
    return total
