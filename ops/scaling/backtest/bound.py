"""The least a trace can cost with one slot a node, for any policy, also one that knows the future.

Every task runs on one node, so the cost is the work, and a boot for every node there ever is, and
what nodes idle. A task saves the boot of a node of its own only by following another on its node;
each follows at most one and is followed by at most one. Let e be the earliest a task can end (its
arrival and its run time) and P the promise. Task j can follow task i only if it may still start
when i ends, `e_i <= a_j + P`, and it is worth it only if the node idles for less than a boot in
between: i ends by `e_i + P` and j starts from `a_j`, so `a_j - (e_i + P) < boot`. With each such
pair taken to save a whole boot and to idle not at all, and a trace cut where nothing before can be
followed by anything after,

    cost >= work + boot x sum over the parts of max(1, must run at once, tasks - most pairs)

Tasks that must run at once are those whose run, started as late as the promise allows, holds one
moment. The most pairs are a maximum matching in a convex bipartite graph (for each j the possible
e_i are an interval), which Glover's rule finds exactly: take the ends in order, and give each to
the open task whose interval closes first (F. Glover, Naval Research Logistics Quarterly 14, 1967).
That a task may not follow itself is left out of the matching, which only lowers the bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from ops.scaling.backtest.trace import Trace

_Tasks = list[tuple[float, float]]


def least_cost_ratio(trace: Trace, boot_seconds: float, start_within_seconds: float) -> float:
    """Return the bound as a multiple of the pure work, for one slot a node and every task in time.

    Raises ValueError for a trace without work.
    """
    work = trace.work_seconds
    if work <= 0:
        raise ValueError("trace: expected work in it, got none")
    boots = sum(
        max(
            1,
            _at_once(part, start_within_seconds),
            len(part) - _most_pairs(part, boot_seconds, start_within_seconds),
        )
        for part in _parts(trace, boot_seconds, start_within_seconds)
    )
    return 1.0 + boots * boot_seconds / work


def _parts(trace: Trace, boot: float, promise: float) -> Iterator[_Tasks]:
    """Yield the trace in parts between which nothing can follow anything."""
    part: _Tasks = []
    last_end = 0.0
    for arrival, service in zip(trace.arrivals, trace.services, strict=True):
        if part and arrival - (last_end + promise) >= boot:
            yield part
            part = []
        part.append((arrival, service))
        last_end = max(last_end, arrival + service) if len(part) > 1 else arrival + service
    if part:
        yield part


def _at_once(part: _Tasks, promise: float) -> int:
    """Return how many tasks hold one moment however they are started."""
    changes = [(a + promise, 1) for a, s in part if s > promise]
    changes += [(a + s, -1) for a, s in part if s > promise]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _most_pairs(part: _Tasks, boot: float, promise: float) -> int:
    open_until: list[float] = []
    opened = pairs = 0
    for end in sorted(arrival + service for arrival, service in part):
        # A task is open for ends after its arrival less promise and boot, up to its latest start.
        while opened < len(part) and part[opened][0] - promise - boot < end:
            heappush(open_until, part[opened][0] + promise)
            opened += 1
        while open_until and open_until[0] < end:
            heappop(open_until)
        if open_until:
            heappop(open_until)
            pairs += 1
    return pairs
