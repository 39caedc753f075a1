"""How many free slots must stand ready for what comes faster than a node boots.

A node that is asked for now receives after the boot time. A task that may wait no longer than the
promise is in time only if a slot is free by then, and what can still free one was asked for before
the task came: `exposed_seconds` earlier. If capacity follows the load with `n` free slots on top, a
task finds one exactly where the load has grown by no more than n over that stretch, itself counted.
So growth is recorded task by task: of a clump of forty into an idle queue the first meets a growth
of one and the last of forty, and sixteen free slots serve sixteen of them. Weighing by time instead
would call such a queue quiet, since nearly always nothing comes.

One number says it all: with `Bursts.slots(q, ...)` free, a share q of the tasks of the last days
would have started in time; their cost is that many slots, day and night. Making the number depend
on the hour, the load or the recent arrivals was tried on CI traces and bought nothing: clumps come
when they come.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from ops.scaling.burst_table import EDGES, met, needed, served

#: Growth is kept over these stretches; others are read in between, longer ones in proportion.
WINDOWS_SECONDS: Final = (30.0, 60.0, 120.0, 240.0, 480.0)

_HALF_LIFE_SECONDS: Final = 3 * 86400.0
_LONGEST_SILENCE_SECONDS: Final = 120.0
_LEAST_TASKS: Final = 50.0
_REBASED_AFTER: Final = 30.0


def exposed_seconds(boot: float, start_within: float, tick: float) -> float:
    """Return how long before a task came the capacity that serves it in time was asked for.

    At most one tick passes until a task is seen. Nothing or less: a node that is asked for when the
    task is seen is in time, and no headroom is needed.
    """
    return max(0.0, boot + tick - start_within)


class Bursts(NamedTuple):
    """A decaying record of growth, of bounded size; a value, changed by making a new one.

    `weights` holds for each window the tasks by the growth they met: none, then between one edge
    and the next. They are worth half after three days; `base` is when a new task weighs one.
    """

    base: float = 0.0
    weights: tuple[tuple[float, ...], ...] = ((0.0,) * (len(EDGES) + 1),) * len(WINDOWS_SECONDS)
    times: tuple[float, ...] = ()
    loads: tuple[float, ...] = ()
    """The loads of the longest window, oldest first, and when each was true."""

    def add(
        self, at: float, arrivals: float | None, service_seconds: float, since: float | None = None
    ) -> Bursts:
        """Return the record with the tasks that arrived from `since` (the last add) to `at`.

        `service_seconds` is the mean time a task runs. Arrivals are None where they are unknown.
        After that, after two minutes without `since`, or where the clock went back, growth is
        measured from here on.
        """
        if arrivals is None:
            return Bursts(self.base, self.weights, (at,), (self._load(at, service_seconds),))
        before = self.times[-1] if self.times else at
        silent = since is None and at - before > _LONGEST_SILENCE_SECONDS
        load = self._load(at, service_seconds) + arrivals
        if not self.times or silent or at < before:
            return Bursts(self.base or at, self.weights, (at,), (load,))
        # One reading from before the longest window is what its growth is measured against.
        begin = max(0, bisect_right(self.times, at - WINDOWS_SECONDS[-1]) - 1)
        base, weights = self.base, self.weights
        if arrivals > 0:
            base, weights = self._rebased(at)
            worth = math.exp2((at - base) / _HALF_LIFE_SECONDS)
            weights = tuple(
                [
                    met(kept, load - self._as_of(at - window, begin), arrivals, worth)
                    for window, kept in zip(WINDOWS_SECONDS, weights, strict=True)
                ]
            )
        return Bursts(base, weights, (*self.times[begin:], at), (*self.loads[begin:], load))

    def slots(self, quantile: float, window_seconds: float) -> float | None:
        """Return how many free slots let a share of the tasks start in time, None while unknown.

        `window_seconds` is what `exposed_seconds` says. It takes fifty tasks to know anything.
        """
        if window_seconds <= 0:
            return 0.0
        if self._tasks() < _LEAST_TASKS:
            return None
        return _between(window_seconds, lambda at: needed(self.weights[at], quantile))

    def share(self, slots: float, window_seconds: float) -> float | None:
        """Return the share of tasks that would have started in time with so many free slots."""
        if window_seconds <= 0:
            return 1.0
        if self._tasks() < _LEAST_TASKS:
            return None
        late = _between(window_seconds, lambda at: 1.0 - served(self.weights[at], slots))
        return max(0.0, 1.0 - late)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it, about 4 KB."""
        return {
            "base": self.base,
            "weights": [_trimmed(kept) for kept in self.weights],
            "times": list(self.times),
            "loads": list(self.loads),
        }

    def _load(self, at: float, service_seconds: float) -> float:
        """Return how many tasks would run, had each begun at once; their times are exponential.

        Not the queue's own load: a backlog that too little headroom let grow would ask for more.
        """
        if not self.times or at <= self.times[-1]:
            return self.loads[-1] if self.loads else 0.0
        return self.loads[-1] * math.exp((self.times[-1] - at) / max(1.0, service_seconds))

    def _as_of(self, at: float, begin: int) -> float:
        return self.loads[max(begin, bisect_right(self.times, at, begin) - 1)]

    def _tasks(self) -> float:
        """Return the tasks it rests on, each as much as it is worth at the last reading."""
        at = self.times[-1] if self.times else self.base
        return sum(self.weights[0]) * math.exp2((self.base - at) / _HALF_LIFE_SECONDS)

    def _rebased(self, at: float) -> tuple[float, tuple[tuple[float, ...], ...]]:
        halves = (at - self.base) / _HALF_LIFE_SECONDS
        if abs(halves) < _REBASED_AFTER:
            return self.base, self.weights
        # A clock that was far ahead must not make everything since weigh nothing.
        factor = math.exp2(-halves) if halves > 0 else 0.0
        return at, tuple(tuple(weight * factor for weight in kept) for kept in self.weights)


def from_data(data: Mapping[str, Any]) -> Bursts:
    """Return the record that `as_data` gave. Raises ValueError for anything else."""
    try:
        weights = tuple(
            tuple(map(float, kept)) + (0.0,) * (len(EDGES) + 1 - len(kept))
            for kept in data["weights"]
        )
        times, loads = tuple(map(float, data["times"])), tuple(map(float, data["loads"]))
        if len(times) != len(loads) or [len(kept) for kept in weights] != [len(EDGES) + 1] * 5:
            raise ValueError("lengths")
        return Bursts(float(data["base"]), weights, times, loads)
    except (KeyError, TypeError, ValueError) as wrong:
        raise ValueError(
            f"bursts: expected what as_data gives, got {str(data)[:60]} ({wrong!r}): "
            "delete it, and it is gathered anew"
        ) from None


def _between(window: float, value: Callable[[int], float]) -> float:
    """Return the value at a window from those at WINDOWS_SECONDS, by index; it is zero at zero."""
    longest = WINDOWS_SECONDS[-1]
    if window >= longest:
        return value(-1) * window / longest
    place = bisect_right(WINDOWS_SECONDS, window)
    before, after = WINDOWS_SECONDS[place - 1] if place else 0.0, WINDOWS_SECONDS[place]
    low, high = value(place - 1) if place else 0.0, value(place)
    return low + (high - low) * (window - before) / (after - before)


def _trimmed(kept: tuple[float, ...]) -> list[float]:
    last = max((i for i, weight in enumerate(kept) if weight), default=-1)
    return list(kept[: last + 1])
