"""`predict`: nodes for the load that is forecast for when they will have booted."""

from __future__ import annotations

import math

from ops.scaling.arrivals import reacts_too_late
from ops.scaling.forecast import QUANTILE, forecast
from ops.scaling.policies.wish import Sight, Wish


def ahead(sight: Sight) -> Wish | None:
    """Wish for nodes for the busiest minutes until a node asked for now receives.

    None where no forecast is to be made: switched off, left to AWS, or the promise is long enough
    to react, in which case asking earlier only costs.
    """
    settings, memory = sight.settings, sight.memory
    ahead_seconds = sight.boot_seconds + sight.tick_seconds
    if settings.predict != "auto" or not reacts_too_late(settings, ahead_seconds):
        return None
    verdict = memory.verdict
    if verdict is None:
        return Wish("predict", "not judged yet")
    found = forecast(memory.history, verdict, sight.now, ahead_seconds, (QUANTILE,))
    if found is None:
        return Wish("predict", verdict.why)
    load = found.rate_per_second[QUANTILE] * memory.durations.seconds
    nodes = math.ceil(load / settings.slots)
    return Wish("predict", f"{load:.0f} at work soon; {found.why}", nodes=nodes, keep=nodes)
