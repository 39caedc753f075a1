"""Ways to say what arrives: reacting in several forms, and forecasts by trend, season and level.

Each says the arrivals of the buckets to come from the buckets before `origin` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from ops.scaling.forecast.history import DAY, HOUR, WEEK
from ops.scaling.forecast.series import Series

Said: TypeAlias = list[float] | None
"""Arrivals of every bucket to come, the open one first; None where too little is known."""
_Family: TypeAlias = Callable[[Series, int, int], Mapping[str, Said]]
"""(series, origin, horizon in buckets) -> what the models of a family say, by their names."""

# What is added to both sides of a ratio of levels, so that few arrivals say little.
_PRIOR: Final = 3.0
_WILDEST_RATIO: Final = 4.0


def _ratio(one: float, other: float) -> float:
    ratio = (one + _PRIOR) / (other + _PRIOR)
    return min(_WILDEST_RATIO, max(1 / _WILDEST_RATIO, ratio))


def _average(name: str, buckets: int) -> _Family:
    """The mean of the last buckets goes on."""

    def family(series: Series, origin: int, horizon: int) -> Mapping[str, Said]:
        total, known = series.total(origin - buckets, origin)
        return {name: [total / known] * horizon if 2 * known >= buckets else None}

    return family


def _trend(name: str, damped: float, back: int) -> _Family:
    """A share of the change over the last `back` buckets goes on; all of it overshoots at turns."""

    def family(series: Series, origin: int, horizon: int) -> Mapping[str, Said]:
        last, known = series.total(origin - 1, origin)
        before, known_before = series.total(origin - back - 1, origin - back)
        if not (known and known_before):
            return {name: None}
        slope = damped * (last - before) / back
        return {name: [max(0.0, last + slope * step) for step in range(1, horizon + 1)]}

    return family


def _season(name: str, period: int, times: int, around: int, level: int) -> _Family:
    """Three models of the mean of the same time in up to `times` earlier seasons.

    The mean itself, taken with `around` buckets to each side; the mean scaled by how the last
    `level` buckets compare with theirs; and the last bucket changed as the mean changes.
    """
    backs = range(period, period * times + 1, period)
    by_level, by_change = f"{name} and level", f"change by {name}"

    def mean(series: Series, origin: int, begin: int, end: int) -> float | None:
        sums = known = 0
        for back in backs:
            # A wide stretch of a short season would reach into what is yet to come.
            some, count = series.total(begin - back, min(end - back, origin))
            sums += some
            known += count
        return sums / known if known else None

    def family(series: Series, origin: int, horizon: int) -> Mapping[str, Said]:
        ahead: list[float] = []
        for target in range(origin, origin + horizon):
            expected = mean(series, origin, target - around, target + around + 1)
            if expected is None:
                return {name: None, by_level: None, by_change: None}
            ahead.append(expected)
        said: dict[str, Said] = {name: ahead, by_level: None, by_change: None}
        total, known = series.total(origin - level, origin)
        was = mean(series, origin, origin - level, origin)
        if was is not None and 2 * known >= level:
            scale = _ratio(total, was * known)
            said[by_level] = [scale * expected for expected in ahead]
        last, known = series.total(origin - 1, origin)
        was = mean(series, origin, origin - 1 - around, origin + around)
        if was is not None and known:
            said[by_change] = [last * _ratio(expected, was) for expected in ahead]
        return said

    return family


#: The tasks at work stay as many: what a scaler by depth does. Where tasks last no longer than a
#: bucket that is the mean of the last one; where they do, `Scores` asks the history.
AS_NOW: Final = "as now"

#: What a scaler does that only reacts. The best of them is what a forecast must beat.
REACTING: Final[Mapping[str, int]] = {
    AS_NOW: 1,
    "the last 15 min": 3,
    "the last hour": HOUR,
    "the last 6 hours": 6 * HOUR,
    "the last day": DAY,
}

_FAMILIES: Final[Mapping[str, _Family]] = {
    **{name: _average(name, buckets) for name, buckets in REACTING.items()},
    "trend of 5 min": _trend("trend of 5 min", 0.7, 1),
    "trend of 15 min": _trend("trend of 15 min", 0.4, 3),
    "hour": _season("hour", HOUR, 8, 0, HOUR),
    "day": _season("day", DAY, 5, 1, HOUR),
    "day to 5 min": _season("day to 5 min", DAY, 5, 0, HOUR),
    "week": _season("week", WEEK, 1, 2, HOUR),
}

_SEASONS: Final = ("hour", "day", "day to 5 min", "week")
_FAMILY_OF: Final[Mapping[str, str]] = {
    **{name: name for name in _FAMILIES},
    **{f"{season} and level": season for season in _SEASONS},
    **{f"change by {season}": season for season in _SEASONS},
}

# Means of two that err differently err less than either.
_BLENDS: Final[Mapping[str, tuple[str, str]]] = {
    "change by day and trend": ("change by day", "trend of 5 min"),
    "change by day and by week": ("change by day", "change by week"),
}

NAMES: Final[tuple[str, ...]] = (*_FAMILY_OF, *_BLENDS)
FORECASTS: Final[tuple[str, ...]] = NAMES[len(REACTING) :]


def _mean(one: Said, other: Said) -> Said:
    if one is None or other is None:
        return None
    return [(a + b) / 2 for a, b in zip(one, other, strict=True)]


def say(name: str, series: Series, origin: int, horizon: int) -> Said:
    """Return what one model says of the `horizon` buckets from `origin` on."""
    if name in _BLENDS:
        one, other = (say(part, series, origin, horizon) for part in _BLENDS[name])
        return _mean(one, other)
    return _FAMILIES[_FAMILY_OF[name]](series, origin, horizon)[name]


def say_all(series: Series, origin: int, horizon: int) -> list[Said]:
    """Return what every model says, in the order of NAMES."""
    said: dict[str, Said] = {}
    for family in _FAMILIES.values():
        said.update(family(series, origin, horizon))
    for name, (one, other) in _BLENDS.items():
        said[name] = _mean(said[one], said[other])
    return [said[name] for name in NAMES]
