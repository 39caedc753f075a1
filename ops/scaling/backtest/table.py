"""Results as a table: a row for a trace and a policy, means over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from ops.scaling.backtest.report import Result

COLUMNS: Final = (
    "trace",
    "policy",
    "cost",
    "in time %",
    "p50 s",
    "p95 s",
    "p99 s",
    "max s",
    "launches",
    "reversals",
    "killed",
    "re-run %",
)


def short_name(trace: str) -> str:
    """Return a trace's name without its folder and endings."""
    name = Path(trace).name
    return name.removesuffix(".gz").removesuffix(".csv") or trace


def rows(results: Sequence[Result]) -> list[list[str]]:
    """Return the cells; the mean over the seeds, and of `in time` and `max` the worst."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.trace, result.policy), []).append(result)
    return [_row(group) for group in groups.values()]


def _row(group: Sequence[Result]) -> list[str]:
    in_time = [each.in_time_percent for each in group if each.in_time_percent is not None]
    return [
        short_name(group[0].trace),
        group[0].policy,
        f"{fmean(each.cost_ratio for each in group):.3f}",
        f"{_floored(min(in_time)):.2f}" if in_time else "-",
        *(
            f"{fmean(each.wait_seconds[name] for each in group):.0f}"
            for name in ("p50", "p95", "p99")
        ),
        f"{max(each.wait_seconds['max'] for each in group):.0f}",
        f"{fmean(each.launches for each in group):.0f}",
        f"{fmean(each.reversals for each in group):.0f}",
        f"{fmean(each.killed for each in group):.0f}",
        f"{fmean(each.rerun_percent for each in group):.1f}",
    ]


def _floored(percent: float) -> float:
    """Return it with two places, never above: 99.999 % is not all of them."""
    return int(percent * 100 + 1e-6) / 100
