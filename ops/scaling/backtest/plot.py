"""A backtest as a picture: what came, the nodes that were there, and how long tasks waited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops.scaling.backtest import drawing
from ops.scaling.backtest.table import short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ops.scaling.backtest.report import Result
    from ops.scaling.backtest.trace import Trace
    from ops.scaling.settings import Settings

_BIN: Final = 300.0
#: Bins beyond what 1600 pixels can show.
_BINS_AT_MOST: Final = 1500
#: Waits above so many promises are cut off, and counted in the legend.
_PROMISES_SHOWN: Final = 2.0


def draw(path: Path, trace: Trace, results: Sequence[Result], settings: Settings) -> None:
    """Draw results of one trace into a PNG or SVG: a panel of capacity for each policy.

    Their `series` must have been kept.
    """
    with drawing.styled():
        last = max(result.steps[-1][0] for result in results)
        width = _BIN * max(1, -(-int(last // _BIN) // _BINS_AT_MOST))
        drawn, axes = drawing.figure(
            [1.6, *[2.6 if len(results) == 1 else 1.7] * len(results), 2.6]
        )
        unit = drawing.time_axis(axes[-1], trace, last)
        drawn.suptitle(
            f"{short_name(trace.name)}: {len(trace):,} tasks, {trace.work_seconds / 3600:,.0f} h "
            f"of work; {settings.slots} slots a node, boot {settings.boot_seconds:.0f} s",
            fontsize=14,
            x=0.01,
            ha="left",
            color=drawing.INK,
        )
        _arrivals(axes[0], trace, width, unit, last)
        demand = _running(trace, width, last) / settings.slots
        highest = max(nodes for result in results for _, nodes, _ in result.steps)
        for axis, result, colour in zip(axes[1:-1], results, drawing.COLOURS * 9, strict=False):
            _capacity(axis, result, demand, colour, width=width, unit=unit)
            axis.set_ylim(0, highest * 1.06 + 0.5)
        _waits(axes[-1], results, settings.start_within_seconds, width, unit)
        drawing.save(drawn, path)


def _arrivals(axis: Axes, trace: Trace, width: float, unit: float, last: float) -> None:
    import numpy as np  # noqa: PLC0415

    bins = int(last // width) + 1
    at = ((np.asarray(trace.arrivals) - trace.begins_at) // width).astype(int)
    work = np.bincount(at, np.asarray(trace.services), minlength=bins)[:bins] / 3600
    edges = np.arange(bins + 1) * width / unit
    axis.stairs(work, edges, fill=True, color="#666666", linewidth=0)
    axis.set_title(f"Work that arrives in {width / 60:.0f} minutes")
    axis.set_ylabel("hours")
    axis.set_ylim(0, None)


def _running(trace: Trace, width: float, last: float) -> Any:
    """Return the running tasks if each started as it came: the mean in each bin."""
    import numpy as np  # noqa: PLC0415

    edges = np.arange(int(last // width) + 2) * width
    arrivals = np.asarray(trace.arrivals) - trace.begins_at
    ends = np.sort(arrivals + np.asarray(trace.services))

    def done_by(times: Any, ordered: Any) -> Any:
        """Return the time since each of `ordered` that has passed by `times`, added up."""
        count = np.searchsorted(ordered, times)
        return count * times - np.concatenate(([0.0], np.cumsum(ordered)))[count]

    return np.diff(done_by(edges, arrivals) - done_by(edges, ends)) / width


def _capacity(
    axis: Axes, result: Result, demand: Any, colour: str, *, width: float, unit: float
) -> None:
    import numpy as np  # noqa: PLC0415

    at, nodes, draining = np.asarray(result.steps).T
    at = at / unit
    axis.fill_between(
        at,
        nodes - draining,
        step="post",
        color=colour,
        alpha=0.55,
        linewidth=0,
        label="receive or boot",
    )
    axis.fill_between(
        at,
        nodes - draining,
        nodes,
        step="post",
        color=colour,
        alpha=0.22,
        linewidth=0,
        label="drain",
    )
    edges = np.arange(len(demand) + 1) * width / unit
    axis.stairs(demand, edges, color=drawing.INK, linewidth=0.9, label="work / slots")
    in_time = result.in_time_percent
    kept = "" if in_time is None else f", {_share(in_time)} in time"
    killed = f", {result.killed:,} tasks killed" if result.killed else ""
    axis.set_title(
        f"{result.policy}: cost {result.cost_ratio:.2f} times the work{kept}, "
        f"{result.launches:,} launches{killed}"
    )
    axis.set_ylabel("nodes")
    drawing.legend(axis)


def _share(percent: float) -> str:
    return f"{int(percent * 100) / 100:.2f} %"


def _waits(
    axis: Axes, results: Sequence[Result], promise: float | None, width: float, unit: float
) -> None:
    import numpy as np  # noqa: PLC0415

    shown = 0.0
    for result, colour in zip(results, drawing.COLOURS * 9, strict=False):
        if result.series is None:
            continue
        waits = np.asarray(result.series.waits)
        at = ((np.asarray(result.series.started_at) - waits) // width).astype(int)
        longest = np.full(int(result.steps[-1][0] // width) + 1, np.nan)
        np.fmax.at(longest, at, waits)
        edges = np.arange(len(longest) + 1) * width / unit
        label = result.policy
        if promise is not None:
            late = int((waits > promise).sum())
            label += f": {late:,} late"
            if late:
                label += f", longest {waits.max():,.0f} s"
        if len(results) == 1:
            axis.stairs(
                np.nan_to_num(longest), edges, fill=True, color=colour, alpha=0.5, linewidth=0,
                label=label,
            )  # fmt: skip
        else:
            middles = (edges[:-1] + edges[1:]) / 2
            axis.plot(middles, longest, ".", color=colour, markersize=3.5, alpha=0.75, label=label)
        shown = max(shown, float(np.nanmax(longest, initial=1.0)))
    if promise is not None:
        axis.axhline(promise, color=drawing.PROMISE, linewidth=1.2, linestyle="--")
        axis.annotate("promise", (1, promise), xycoords=("axes fraction", "data"), ha="right",
                      va="bottom", color=drawing.PROMISE, fontsize=10)  # fmt: skip
        shown = min(max(shown, promise * 1.2), promise * _PROMISES_SHOWN)
    axis.set_ylim(0, max(1.0, shown * 1.05))
    axis.set_title(f"Longest wait, arrival to start, of what came in {width / 60:.0f} minutes")
    axis.set_ylabel("seconds")
    drawing.legend(axis)
