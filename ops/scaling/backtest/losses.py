"""Spot instances that are lost: at given times, or at a rate for each node and hour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.scaling.backtest.rows import Rows, rows_of

_HOUR: Final = 3600.0
_TIMES: Final = ("at_s",)
_RATES: Final = ("hour", "rate")
_ROWS_AT_MOST: Final = 1_000_000
#: A node that lasts ten minutes on average; beyond that a rate is a typing error.
_RATE_AT_MOST: Final = 6.0


@dataclass(frozen=True, slots=True)
class Losses:
    """What a spot market takes.

    AWS publishes bands a month (the Spot Instance Advisor: below 5 % to above 20 %); above 20 % is
    0.0003 an hour for a node that is always there. In bad hours it is far more: 0.10 to 0.33 an
    hour on p3 instances of EC2 (Thorpe et al., Bamboo, NSDI 2023). Losses come together: in nine of
    ten cases within three minutes of another of the same type and zone (Spot-and-Scoot, 2026),
    which times that are close to each other show and a rate does not.
    """

    times: tuple[float, ...] = ()
    """Seconds after the beginning, ascending: each is one instance's notice."""
    hourly: tuple[float, ...] = ()
    """Interruptions for each node and hour, hour by hour from the beginning, over and over."""

    def lifetime(self, now: float, hazard: float) -> float:
        """Return when a node launched at `now` gets its notice, seconds after the beginning.

        `hazard` is drawn from an exponential distribution of mean 1: the node's life ends when the
        rate has added up to it, which is exact for a rate that changes by the hour.
        """
        if not any(self.hourly):
            return math.inf
        at, left = now, hazard
        a_round = sum(self.hourly)
        at += _HOUR * len(self.hourly) * math.floor(left / a_round)
        left %= a_round
        while True:
            hour = math.floor(at / _HOUR)
            rate = self.hourly[hour % len(self.hourly)]
            ends = (hour + 1) * _HOUR
            if left <= rate * (ends - at) / _HOUR and rate > 0:
                return at + left / rate * _HOUR
            left -= rate * (ends - at) / _HOUR
            at = ends


def read_losses(path: Path) -> Losses:
    """Read losses from CSV; raise OpsError (exit 2) with the line and what was expected.

    Either `at_s`, each row one notice in seconds after the trace's beginning, or `hour,rate`:
    interruptions for each node and hour, from hour 0 on, over and over.
    """
    values: list[float] = []
    with rows_of(path) as rows:
        header = tuple(cell.strip() for cell in next(rows, []))
        if header not in {_TIMES, _RATES}:
            found = ",".join(header) if header else None
            raise rows.wrong("at_s or hour,rate", found, "write one of these headers")
        for row in rows:
            values.append(_value(rows, header, row, len(values)))
            if len(values) > _ROWS_AT_MOST:
                raise rows.wrong(f"at most {_ROWS_AT_MOST} rows", "more", "take fewer")
        if not values:
            raise rows.wrong("at least one row", None, "write one")
    return Losses(times=tuple(sorted(values))) if header == _TIMES else Losses((), tuple(values))


def _value(rows: Rows, header: tuple[str, ...], row: list[str], hour: int) -> float:
    try:
        numbers = [float(cell) for cell in row]
    except ValueError:
        numbers = []
    if len(numbers) != len(header) or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise rows.wrong(f"numbers, not negative, under {','.join(header)}", ",".join(row))
    if header == _TIMES:
        return numbers[0]
    if numbers[0] != hour:
        raise rows.wrong(f"hour {hour}", row[0])
    if numbers[1] > _RATE_AT_MOST:
        raise rows.wrong(f"a rate of at most {_RATE_AT_MOST:g} a node and hour", row[1])
    return numbers[1]
