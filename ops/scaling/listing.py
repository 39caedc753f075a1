"""How the queues of a manifest are scaled, in rows for people and data for programs. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ops.scaling.cautions import cautions
from ops.scaling.settings import settings_of
from ops.scaling.window_times import day_of
from ops.scaling.window_words import words
from ops.scaling.windows import Bounds, bounds_at, next_change
from ops.schedules.firings import stamp
from worker.manifest.units import format_duration

if TYPE_CHECKING:
    from ops.scaling.settings import Settings, Window
    from worker.fleet import Fleet, Queue
    from worker.promises import Caution


@dataclass(frozen=True, slots=True)
class Listed:
    """How a queue is scaled at a moment, in seconds since the epoch."""

    settings: Settings
    now: float
    bounds: Bounds
    next_change: float | None
    """When the next of its windows begins or ends."""
    cautions: tuple[Caution, ...]

    def windows(self) -> list[tuple[Window, bool, float | None]]:
        """Return each window, whether it is in force, and when that changes."""
        days = ((window, day_of(window, self.now)) for window in self.settings.windows)
        return [(w, day.in_force(self.now), day.next_change(self.now)) for w, day in days]

    def as_data(self) -> dict[str, Any]:
        """Return all of it for JSON; times are in UTC, durations in seconds."""
        settings = self.settings
        return {
            "queue": settings.queue,
            "runtime": settings.runtime,
            "slots": settings.slots,
            "min": settings.minimum,
            "max": settings.maximum,
            "boot_seconds": settings.boot_seconds,
            "policies": sorted(settings.policies),
            "predict": settings.predict,
            "headroom": settings.headroom,
            "in_time": settings.in_time,
            "start_within_seconds": settings.start_within_seconds,
            "now": {"min": self.bounds.minimum, "max": self.bounds.maximum, "why": self.bounds.why},
            "next_change": time_of(self.next_change),
            "windows": [
                {
                    "number": number,
                    "begins": window.begins,
                    "ends": window.ends,
                    "timezone": window.timezone,
                    "min": window.minimum,
                    "max": window.maximum,
                    "desired": window.desired,
                    "in_force": active,
                    "next_change": time_of(change),
                }
                for number, (window, active, change) in enumerate(self.windows(), 1)
            ],
            "cautions": [{"key": c.key, "text": c.text} for c in self.cautions],
        }


def listing(fleet: Fleet, now: float) -> list[Listed]:
    """Return how each queue is scaled at `now`, in the manifest's order."""
    return [listed(queue, now) for queue in fleet.queues.values()]


def listed(queue: Queue, now: float) -> Listed:
    """Return how one queue is scaled at `now`."""
    settings = settings_of(queue)
    return Listed(
        settings,
        now,
        bounds_at(settings, now),
        next_change(settings.windows, now),
        tuple(cautions(settings, now)),
    )


def differences(before: Queue, after: Queue) -> list[tuple[str, str | None, str | None]]:
    """Return the keys of scaling that differ, each with what it was and is; None is nothing."""
    old, new = _keys(before), _keys(after)
    changed = [(key, old[key], new[key]) for key in old if old[key] != new[key]]
    had, has = _windows(before), _windows(after)
    gone: list[tuple[str, str | None, str | None]] = [
        ("scaling.windows", window, None) for window in (had - has).elements()
    ]
    come = [("scaling.windows", None, window) for window in (has - had).elements()]
    return [*changed, *gone, *come]


def time_of(seconds: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC; None for none."""
    return None if seconds is None else stamp(datetime.fromtimestamp(seconds, UTC))


def _keys(queue: Queue) -> dict[str, str]:
    """Return each key with its value as text, and whether that is the default."""
    tables = {"slo": queue.slo, "nodes": queue.nodes, "scaling": queue.scaling}
    keys = {"runtime": _text(queue.runtime, "runtime" in queue.model_fields_set)}
    for name, table in tables.items():
        values: dict[str, Any] = table.model_dump(mode="json", exclude={"windows"})
        for key, value in values.items():
            keys[f"{name}.{key}"] = _text(value, key in table.model_fields_set)
    return keys


def _text(value: Any, is_set: bool) -> str:
    text = ", ".join(value) if isinstance(value, list) else "none" if value is None else str(value)
    return text if is_set else f"{text} (default)"


def _windows(queue: Queue) -> Counter[str]:
    # Two windows may say the same in words; taking one of them out is a change all the same.
    return Counter(words(window) for window in settings_of(queue).windows)


def promise_of(settings: Settings) -> str:
    """Return a queue's promise as the manifest writes it, or a dash."""
    if settings.start_within_seconds is None:
        return "-"
    return format_duration(timedelta(seconds=settings.start_within_seconds))
