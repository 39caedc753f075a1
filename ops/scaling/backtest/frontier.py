"""Cost against share in time, over how many free nodes are kept: the choice that a promise shorter
than the boot leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final, Literal

from ops.scaling.backtest import drawing
from ops.scaling.backtest.jobs import Job, run_jobs
from ops.scaling.backtest.table import short_name

if TYPE_CHECKING:
    from ops.scaling.backtest.losses import Losses
    from ops.scaling.backtest.trace import Trace
    from ops.scaling.settings import Settings

Headroom = int | Literal["auto", "off"]

#: Free nodes tried: about a half more each time.
HEADROOMS: Final[tuple[Headroom, ...]] = ("off", "auto", 1, 2, 3, 4, 6, 9, 13, 20, 30)


@dataclass(frozen=True, slots=True)
class Point:
    """What one setting comes to, the mean over the seeds."""

    headroom: Headroom
    cost_ratio: float
    in_time_percent: float


def sweep(
    trace: Trace,
    settings: Settings,
    policy: str = "fleet",
    *,
    seeds: int = 1,
    losses: Losses | None = None,
    headrooms: Sequence[Headroom] = HEADROOMS,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Point]:
    """Run a policy with each setting of headroom. `settings` must have a promise."""
    jobs = [
        Job(0, policy, replace(settings, headroom=headroom), seed)
        for headroom in headrooms
        for seed in range(1, seeds + 1)
    ]
    results = run_jobs(jobs, [trace], losses, processes=processes, progress=progress)
    points = []
    for number, headroom in enumerate(headrooms):
        group = results[number * seeds : (number + 1) * seeds]
        points.append(
            Point(
                headroom,
                fmean(each.cost_ratio for each in group),
                fmean(each.in_time_percent or 0.0 for each in group),
            )
        )
    return points


def efficient(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats in both, the cheapest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost_ratio, -p.in_time_percent)):
        if not best or point.in_time_percent > best[-1].in_time_percent:
            best.append(point)
    return best


def draw(path: Path, trace: Trace, points: Sequence[Point], settings: Settings) -> None:
    """Draw the points and the line through those that none beats, as PNG or SVG."""
    with drawing.styled():
        drawn, (axis,) = drawing.figure([6.0])
        line = efficient(points)
        axis.plot(
            [p.cost_ratio for p in line],
            [p.in_time_percent for p in line],
            color=drawing.COLOURS[0],
            linewidth=1.5,
            zorder=2,
        )
        axis.scatter(
            [p.cost_ratio for p in points],
            [p.in_time_percent for p in points],
            color=[drawing.COLOURS[0] if p in line else "#999999" for p in points],
            s=45,
            zorder=3,
        )
        for point in points:
            axis.annotate(
                f"{point.headroom}",
                (point.cost_ratio, point.in_time_percent),
                xytext=(7, -11),
                textcoords="offset points",
                color=drawing.INK,
            )
        axis.set_xlabel("cost, as a multiple of the pure work")
        axis.set_ylabel("tasks started in time, %")
        axis.set_title(
            f"{short_name(trace.name)}: promise {settings.start_within_seconds:.0f} s, boot "
            f"{settings.boot_seconds:.0f} s, {settings.slots} slots a node; by free nodes kept"
        )
        axis.margins(0.06)
        drawing.save(drawn, path)
