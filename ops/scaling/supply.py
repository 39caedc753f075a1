"""How many waiting tasks the nodes there are will begin by a time to come."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.scaling.durations import ENOUGH
from ops.scaling.outlook import Outlook, Running

#: Square of how far off the estimated hazards are taken to be, as a part.
DOUBT: Final = 0.06
#: The same of a mean that rests on much: run times change (10 %).
SURELY_OFF: Final = 0.01


@dataclass(slots=True)
class Supply:
    """The slots of a queue's receiving and booting nodes, and when they will be free."""

    outlook: Outlook
    running: Running
    """Running tasks of the receiving nodes, by group."""
    free: int
    """Free slots of the receiving nodes."""
    slots: int
    """A node's slots."""
    ready_in: Sequence[float]
    """In how many seconds each booting node will receive; in ascending order."""
    longest: float
    """The longest time ever asked about, in seconds."""

    def begins_within(self, seconds: float) -> tuple[float, float]:
        """Return how many tasks begin within so many seconds, and the standard deviation of it.

        A slot that frees takes the next task at once. Until enough completions were seen, nothing
        that runs is taken to end.
        """
        ready = bisect_right(self.ready_in, seconds)
        sure = self.ready_within(seconds)
        if self.outlook.seen < ENOUGH:
            return sure, 0.0
        again, longest = self.outlook.renewals, self.longest
        more = self.free * again(seconds, longest)
        for ready_in in self.ready_in[:ready]:
            more += self.slots * again(seconds - ready_in, longest)
        ends = variance = 0.0
        for group, tasks in self.running.items():
            chance, deviation = self.outlook.ends_within(group, seconds)
            ends += tasks * chance
            variance += tasks * chance * (1 - chance) + (tasks * deviation) ** 2
        mean = self.outlook.mean()
        # What ends within the time ends half way through it, or as soon as short tasks do.
        more += ends * (1 + again(seconds - min(seconds / 2, mean), longest))
        # The hazards are estimates, worth less while they rest on little. How many short tasks fit
        # into the time hangs on their mean alone, which is known better.
        doubt = max(SURELY_OFF, DOUBT * mean / max(mean, seconds)) + 4.0 / self.outlook.seen
        return sure + more, math.sqrt(variance + doubt * more**2)

    def ready_within(self, seconds: float) -> float:
        """Return how many slots are free or will have booted within so many seconds."""
        return float(self.free + self.slots * bisect_right(self.ready_in, seconds))

    def of_one_more(self, seconds: float) -> float:
        """Return how many tasks one more node begins that receives for so many seconds."""
        if self.outlook.seen < ENOUGH:
            return float(self.slots)
        return self.slots * (1 + self.outlook.renewals(seconds, self.longest))
