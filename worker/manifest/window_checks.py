"""What does not go together in a window of scaling: pure checks; places are relative to it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from cronsim import CronSim

from worker.manifest.cron import first_end
from worker.manifest.problems import Problem, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.manifest.scaling import ScalingWindow

# Cron knows no year: what comes at all comes after any date, within cronsim's fifty years.
_ANY_DATE: Final = datetime(2000, 1, 1)  # noqa: DTZ001 (local time, in no zone)


def window_conflicts(window: ScalingWindow) -> Iterator[Problem]:
    """Yield what contradicts itself in one window."""
    if (window.min, window.max, window.desired) == (None, None, None):
        yield Problem("", "expected min, max or desired, got none", "add one, such as min = 4")
    if window.min is not None and window.max is not None and window.min > window.max:
        yield Problem("min", f"expected at most max ({window.max}), got {window.min}", "lower it")
    yield from _desired(window)
    yield from _times(window)


def _desired(window: ScalingWindow) -> Iterator[Problem]:
    if window.desired is None:
        return
    if window.min is not None and window.desired < window.min:
        yield Problem(
            "desired", f"expected at least min ({window.min}), got {window.desired}", "raise it"
        )
    if window.max is not None and window.desired > window.max:
        yield Problem(
            "desired", f"expected at most max ({window.max}), got {window.desired}", "lower it"
        )


def _times(window: ScalingWindow) -> Iterator[Problem]:
    never = False
    for key, cron in (("begins", window.begins), ("ends", window.ends)):
        if next(CronSim(cron, _ANY_DATE), None) is None:
            never = True
            yield Problem(key, f"expected a time that comes, got {quoted(cron)}", "correct it")
    if not never and first_end(window.begins, window.ends, _ANY_DATE) is None:
        yield Problem(
            "ends",
            f"expected a time at which it does not begin anew, got {quoted(window.ends)}, "
            f"which is always one of {quoted(window.begins)}",
            "correct it, or set nodes.min and nodes.max if it is to be in force always",
        )
