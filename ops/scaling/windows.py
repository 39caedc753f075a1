"""What the windows of a queue come to at a moment, and when that changes next. Pure.

Where windows overlap, the largest minimum and the largest desired count, and the smallest maximum;
a maximum wins over a minimum. A maximum is what something else can bear, such as a database or a
licence, and going over it breaks that; under a minimum, work starts later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ops.scaling.window_times import day_of
from ops.scaling.window_words import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ops.scaling.settings import Settings, Window


@dataclass(frozen=True, slots=True)
class InForce:
    """The bounds that windows set at a moment; None where none of them sets it."""

    minimum: int | None = None
    """At most `maximum`."""
    maximum: int | None = None
    desired: int | None = None
    """At least so many nodes, as far as the bounds let it; at most `maximum`."""
    why: str = ""
    """Each window in force and what it sets, on one line; empty where there is none."""


class Bounds(NamedTuple):
    """The bounds of a queue at a moment: its nodes' own, narrowed by the windows in force."""

    minimum: int
    """At most `maximum`; it includes what the windows' desired asks for."""
    maximum: int
    why: str = ""
    """The windows in force, on one line; empty where there is none."""


_NONE = InForce()


def in_force(windows: Sequence[Window], now: float) -> InForce:
    """Return what the windows in force at `now`, in seconds since the epoch, set together."""
    active = active_at(windows, now)
    return _combined(active) if active else _NONE


def active_at(windows: Sequence[Window], now: float) -> tuple[Window, ...]:
    """Return the windows in force at `now`, also those that began long before."""
    return tuple(window for window in windows if day_of(window, now).in_force(now))


def next_change(windows: Sequence[Window], now: float) -> float | None:
    """Return when the next window begins or ends, in seconds since the epoch and after `now`.

    None where none of them ever does.
    """
    return min(
        (at for w in windows if (at := day_of(w, now).next_change(now)) is not None), default=None
    )


def bounds_at(settings: Settings, now: float) -> Bounds:
    """Return the bounds of a queue at `now`. A window narrows its nodes' bounds, never widens."""
    found = in_force(settings.windows, now) if settings.windows else _NONE
    if found is _NONE:
        return Bounds(min(settings.minimum, settings.maximum), settings.maximum)
    maximum = _smallest((settings.maximum, found.maximum)) or 0
    floor = _largest((settings.minimum, found.minimum, found.desired)) or 0
    return Bounds(min(floor, maximum), maximum, found.why)


@lru_cache(maxsize=1024)
def _combined(active: tuple[Window, ...]) -> InForce:
    minimum = _largest(window.minimum for window in active)
    maximum = _smallest(window.maximum for window in active)
    desired = _largest(window.desired for window in active)
    why = "; ".join(words(window) for window in active)
    if maximum is not None and max(minimum or 0, desired or 0) > maximum:
        why += f"; the maximum of {maximum} wins"
        minimum = None if minimum is None else min(minimum, maximum)
        desired = None if desired is None else min(desired, maximum)
    return InForce(minimum, maximum, desired, why)


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _smallest(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
