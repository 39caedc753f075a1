"""What a run came to: cost, waits, launches, what was thrown away, and the capacity over time."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ops.scaling.backtest.run import Run
from ops.scaling.backtest.trace import Trace

#: The quantiles of the waits that are told.
_QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))


@dataclass(frozen=True, slots=True)
class Series:
    """Every wait of a run, for a plot: when each task started, and how long it had waited."""

    started_at: array[float]
    """Seconds after the beginning."""
    waits: array[float]


@dataclass(frozen=True, slots=True)
class Result:
    """One policy on one trace with one seed."""

    policy: str
    trace: str
    seed: int
    tasks: int
    work_seconds: float
    """All run times together, each once."""
    slots: int
    cost_ratio: float
    """Slot-seconds from launch to end, as a multiple of the work."""
    in_time_percent: float | None
    """Tasks whose first start was within the promise; None without one."""
    undisturbed_percent: float | None
    """The same, less the tasks that were killed by a scale-in: at least so many."""
    wait_seconds: dict[str, float]
    """Quantiles of the waits: from the arrival to the first start."""
    launches: int
    reversals: int
    killed: int
    """Tasks ended by a scale-in."""
    lost: int
    """Tasks ended by the loss of a spot instance."""
    losses: int
    """Spot instances lost."""
    rerun_percent: float
    """Work that was done and thrown away, as a part of the work."""
    unstarted: int
    """Tasks that the policy never started; late, and their waits are up to the end."""
    steps: list[tuple[float, int, int]]
    """Seconds after the beginning, nodes from then on, and how many of them drain."""
    series: Series | None = None

    def as_data(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "policy": self.policy,
            "trace": self.trace,
            "seed": self.seed,
            "tasks": self.tasks,
            "work_seconds": round(self.work_seconds, 3),
            "slots": self.slots,
            "cost_ratio": round(self.cost_ratio, 6),
            "in_time_percent": _rounded(self.in_time_percent),
            "undisturbed_percent": _rounded(self.undisturbed_percent),
            "wait_seconds": {name: round(wait, 3) for name, wait in self.wait_seconds.items()},
            "launches": self.launches,
            "reversals": self.reversals,
            "killed": self.killed,
            "lost": self.lost,
            "losses": self.losses,
            "rerun_percent": round(self.rerun_percent, 4),
            "unstarted": self.unstarted,
            "steps": [[round(at, 3), nodes, draining] for at, nodes, draining in self.steps],
        }


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 4)


def result_of(
    done: Run, trace: Trace, *, seed: int, promise_seconds: float | None, keep_series: bool = False
) -> Result:
    """Return what a run came to; `keep_series` keeps every wait for a plot."""
    machine, totals = done.machine, done.machine.totals
    # Most tasks of a dense trace wait for nothing: they are counted, and not sorted.
    waits = [wait for wait in totals.waits if wait > 0]
    none = len(totals.waits) - len(waits)
    in_time = undisturbed = None
    if promise_seconds is not None:
        kept = none + sum(1 for wait in waits if wait <= promise_seconds)
        in_time = 100.0 * kept / len(trace)
        undisturbed = 100.0 * max(0, kept - totals.killed) / len(trace)
    waits += machine.unstarted_waits()
    waits.sort()
    begin = machine.begins_at
    return Result(
        policy=done.policy,
        trace=trace.name,
        seed=seed,
        tasks=len(trace),
        work_seconds=done.work_seconds,
        slots=machine.slots,
        cost_ratio=totals.node_seconds * machine.slots / done.work_seconds,
        in_time_percent=in_time,
        undisturbed_percent=undisturbed,
        wait_seconds={name: quantile(waits, share, none) for name, share in _QUANTILES},
        launches=totals.launches,
        reversals=totals.reversals,
        killed=totals.killed,
        lost=totals.lost,
        losses=totals.losses,
        rerun_percent=100.0 * totals.rerun_seconds / done.work_seconds,
        unstarted=machine.unstarted,
        steps=[(at - begin, nodes, draining) for at, nodes, draining in machine.steps],
        series=_series(done) if keep_series else None,
    )


def _series(done: Run) -> Series:
    begin = done.machine.begins_at
    started = array("d", (at - begin for at in done.machine.started_at))
    return Series(started, done.machine.totals.waits)


def quantile(ordered: Sequence[float], share: float, zeros: int = 0) -> float:
    """Return the smallest value that `share` of the values do not exceed (nearest rank).

    `zeros` more values come before the ordered ones.
    """
    rank = max(1, math.ceil(share * (zeros + len(ordered)) - 1e-9))
    return ordered[rank - 1 - zeros] if zeros < rank <= zeros + len(ordered) else 0.0


def cost_ratio(steps: Sequence[Sequence[float]], slots: int, work_seconds: float) -> float:
    """Return the cost that steps come to, as `Result.cost_ratio` has it."""
    node_seconds = sum((after[0] - before[0]) * before[1] for before, after in pairwise(steps))
    return node_seconds * slots / work_seconds
