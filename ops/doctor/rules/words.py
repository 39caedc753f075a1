"""Words that several rules share, so that one remedy reads the same everywhere."""

from __future__ import annotations

from datetime import timedelta

from worker.manifest.units import format_duration

INSTALL = "call worker.settings.install(app)"
INSTALL_SETS = f"{INSTALL}, which sets it"


def duration(seconds: float) -> str:
    """Write seconds as the manifest does: 5400 is `1h30m`."""
    if seconds != int(seconds) or seconds < 0:
        return f"{seconds:g}s"
    return format_duration(timedelta(seconds=int(seconds)))


def some(names: list[str], at_most: int = 3) -> str:
    """Name the first few, and how many there are beside them."""
    shown = ", ".join(names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"
