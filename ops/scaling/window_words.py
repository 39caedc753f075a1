"""A window of scaling in words: `MON-FRI 08:00-18:00 America/New_York: min 4`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.scaling.settings import Window

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAY = rf"(?:[0-7]|{'|'.join(_DAYS[:7])})"
# A time of day, on every day or on plain days of the week; the rest of cron stays as it is written.
_PLAIN = re.compile(rf"(\d{{1,2}}) (\d{{1,2}}) \* \* (\*|{_DAY}(?:[-,]{_DAY})*)")


def words(window: Window) -> str:
    """Return when a window is in force and what it sets, on one line."""
    return f"{when(window)}: {sets(window)}"


def sets(window: Window) -> str:
    """Return what a window sets: `min 4, max 20`."""
    values = (("min", window.minimum), ("max", window.maximum), ("desired", window.desired))
    return ", ".join(f"{name} {value}" for name, value in values if value is not None)


def when(window: Window) -> str:
    """Return when a window is in force, with its zone: `MON-FRI 08:00-18:00 Europe/Berlin`."""
    begins, ends = _plain(window.begins), _plain(window.ends)
    if begins is None or ends is None:
        return f'from "{window.begins}" to "{window.ends}" {window.timezone}'
    if begins[0] == ends[0]:
        span = f"{begins[0]} {begins[1]}-{ends[1]}"
    else:
        span = f"{' '.join(begins)} to {' '.join(ends)}"
    return f"{span} {window.timezone}".replace("  ", " ").strip()


def _plain(cron: str) -> tuple[str, str] | None:
    """Return the days, empty for all, and the time of day; None where cron says more."""
    match = _PLAIN.fullmatch(" ".join(cron.upper().split()))
    if match is None:
        return None
    days = "" if match[3] == "*" else re.sub(r"\d", lambda day: _DAYS[int(day[0])], match[3])
    return days, f"{int(match[2]):02}:{int(match[1]):02}"
