"""A queue's forecast: judged on its own history at most once an hour, made at every tick."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ops.scaling.forecast.blocks import BLOCK
from ops.scaling.forecast.gate import trial
from ops.scaling.forecast.history import BUCKET_SECONDS, DAY, History
from ops.scaling.forecast.models import say
from ops.scaling.forecast.scale import most_at_work, root, unroot
from ops.scaling.forecast.scores import Scores
from ops.scaling.forecast.series import Read
from ops.scaling.forecast.verdict import Verdict

#: A slot that is missing is taken to cost nine that are idle.
QUANTILE: Final = 0.9
#: Those a verdict keeps margins for; others take the next higher one's.
QUANTILES: Final = (0.5, 0.75, 0.9, 0.95, 0.99)

_LEAST_DAYS: Final = 2
_EVERY_SECONDS: Final = 3600.0
# Five buckets back and the open one: older than that, nothing is known of the level.
_STALE_SECONDS: Final = 900.0
_LONGEST: Final = 24
_STEPS: Final = (1, 2, 3, 4, 6, 9, 12, 18, _LONGEST)
_WIDEST: Final = 36
# No forecast may exceed this many times the most that was ever seen.
_CEILING: Final = 1.5


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to come from now until the horizon, at its busiest, by quantile."""

    rate_per_second: Mapping[float, float]
    """Arrivals, as a mean over the longer of five minutes and the service time: times the service
    time it is how many tasks will be at work at once."""
    why: str


def evaluate(
    history: History,
    now: float,
    horizon_seconds: float,
    service_seconds: float = 0.0,
    before: Verdict | None = None,
) -> Verdict:
    """Return whether a forecast is used for this queue, and which.

    `horizon_seconds` is how far ahead capacity is asked for (the boot time and a tick),
    `service_seconds` the mean time a task runs. `before` is returned as it is until it is an hour
    old. A `Forecaster` gives the same answer, sooner.
    """
    return Forecaster().evaluate(history, now, horizon_seconds, service_seconds, before)


def due(verdict: Verdict | None, now: float) -> bool:
    """Whether a verdict is to be made anew: none, an hour old, or from a clock that was wrong."""
    return verdict is None or not 0 <= now - verdict.at < _EVERY_SECONDS


class Forecaster:
    """Evaluates one queue again and again; it keeps scores, which follow from the history alone."""

    def __init__(self) -> None:
        self._scores: Scores | None = None

    def evaluate(
        self,
        history: History,
        now: float,
        horizon_seconds: float,
        service_seconds: float = 0.0,
        before: Verdict | None = None,
    ) -> Verdict:
        """Return what the function `evaluate` returns."""
        if before is not None and not due(before, now):
            return before
        horizon = _horizon(horizon_seconds, before)
        width = _width(service_seconds, before)
        known = sum(count is not None for count in history.counts)
        if known < _LEAST_DAYS * DAY:
            why = f"not used: {known / DAY:.1f} days of history, a forecast needs {_LEAST_DAYS}"
            return Verdict(now, False, why, horizon, width)
        if self._scores is None or (self._scores.horizon, self._scores.width) != (horizon, width):
            self._scores = Scores(horizon, width, QUANTILE)
        return _judged(self._scores, history, now, before)


def _judged(scores: Scores, history: History, now: float, before: Verdict | None) -> Verdict:
    horizon, width = scores.horizon, scores.width
    found = trial(scores.losses(history))
    margins = None if found is None else scores.margins(found.model, QUANTILES)
    if found is None or margins is None:
        return Verdict(now, False, "not used: too few hours to judge it by yet", horizon, width)
    minutes = horizon * BUCKET_SECONDS // 60
    days = found.blocks * BLOCK / DAY
    shut = found.shut_by(before is not None and before.used and before.horizon == horizon)
    if shut:
        why = f"not used: {found.model} {shut} ({days:.1f} days, {minutes} min ahead)"
    else:
        why = (
            f"used: {found.model}, error {found.error:.0%} at {minutes} min, "
            f"gain {found.gain:.0%} over {days:.1f} days"
        )
    return Verdict(
        at=now,
        used=not shut,
        why=why,
        horizon=horizon,
        width=width,
        model=found.model,
        gain=found.gain,
        error=found.error,
        days=days,
        margins=tuple(zip(QUANTILES, margins, strict=True)),
        ceiling=_CEILING * scores.most(),
    )


def forecast(
    history: History,
    verdict: Verdict,
    now: float,
    horizon_seconds: float,
    quantiles: Sequence[float] = (0.5, 0.9, 0.99),
) -> Forecast | None:
    """Return what arrives until `now + horizon_seconds` at its busiest, None where not to be used.

    None as well where the history stops 15 minutes before now, or the model knows too little.
    """
    if not verdict.used or history.told is None or abs(now - history.told) > _STALE_SECONDS:
        return None
    origin = history.open
    last = int((now + horizon_seconds) // BUCKET_SECONDS)
    buckets = min(_LONGEST, max(1, last - origin + 1))
    series = Read(history)
    said = say(verdict.model, series, origin, buckets)
    middle = most_at_work(said, series, origin, verdict.width)
    if middle is None:
        return None
    seconds = verdict.width * BUCKET_SECONDS
    rates = {
        quantile: min(verdict.ceiling, unroot(root(middle) + _margin(verdict, quantile))) / seconds
        for quantile in quantiles
    }
    return Forecast(rates, verdict.why)


def _margin(verdict: Verdict, quantile: float) -> float:
    higher = (margin for kept, margin in verdict.margins if kept >= quantile)
    return next(higher, verdict.margins[-1][1])


def _horizon(seconds: float, before: Verdict | None) -> int:
    """Return the buckets to look ahead; a boot time measured anew does not change it at once."""
    needed = min(_LONGEST, max(1, math.ceil(seconds / BUCKET_SECONDS)))
    if before is not None and needed <= before.horizon <= 2 * needed:
        return before.horizon
    return next(step for step in _STEPS if step >= needed)


def _width(seconds: float, before: Verdict | None) -> int:
    """Return the buckets a task lasts; within a third of what it was, it is what it was."""
    measured = min(float(_WIDEST), max(1.0, seconds / BUCKET_SECONDS))
    if before is not None and 0.67 <= measured / before.width <= 1.5:
        return before.width
    return round(measured)
