"""Traces from CSV files: one task a row, or counts a minute; plain or gzipped."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from ops.errors import OpsError
from ops.scaling.backtest.rows import Rows, rows_of
from ops.scaling.backtest.trace import Trace, in_order

#: About 90 bytes a task by the end of a run: under two gigabytes for as many.
TASKS_AT_MOST: Final = 20_000_000
#: Times of arrivals beyond this are milliseconds.
_SECONDS_AT_MOST: Final = 1e11
#: SQS keeps a message in flight for 12 hours; ten times that is a mistake of units.
_SERVICE_AT_MOST: Final = 432_000.0
#: Arrivals that begin later than this are dates, and the run begins with the first of them.
_DATES_FROM: Final = 366 * 86_400.0
_TASKS: Final = ("arrival_s", "service_s")
_TIMES: Final = ("minute_utc", "minute", "at_s")
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """The run times of a trace that has none of its own: log-normal, or all alike.

    `cv` is the standard deviation as a part of the mean; 0 for all alike.
    """

    mean_seconds: float
    cv: float = 0.0

    def draw(self, rng: Random, count: int) -> array[float]:
        """Return `count` run times."""
        if self.cv == 0:
            return array("d", (self.mean_seconds,)) * count
        sigma = math.sqrt(math.log1p(self.cv**2))
        mu = math.log(self.mean_seconds) - sigma**2 / 2
        return array("d", (rng.lognormvariate(mu, sigma) for _ in range(count)))


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a trace to take."""

    skip_seconds: float = 0.0
    """Left out of its beginning."""
    seconds: float = math.inf
    """Taken after that."""
    scale: float = 1.0
    """The share of the tasks, picked at random."""


def read_trace(
    path: Path, service: Service | None = None, part: Part | None = None, *, seed: int = 1
) -> Trace:
    """Read a trace; raise OpsError (exit 2) with the line, what was expected and what was found.

    Rows are `arrival_s,service_s`, or a count for each minute under `minute_utc,count` (a date and
    time, UTC), `minute,count` (numbered) or `at_s,count` (seconds), which need `service`. The tasks
    of a minute are spread over it at random, by `seed`.
    """
    rng = Random(seed)  # noqa: S311
    taken = part or Part()
    with rows_of(path) as rows:
        header = tuple(cell.strip() for cell in next(rows, []))
        if header == _TASKS:
            trace = _tasks(rows, taken, rng)
        elif len(header) != 2 or header[0] not in _TIMES or header[1] != "count":
            raise rows.wrong(
                "arrival_s,service_s or (minute_utc|minute|at_s),count",
                ",".join(header) if header else None,
                "write one of these headers",
            )
        elif service is None:
            raise rows.wrong(
                "a run time with a trace of counts", None, 'add one, such as --service "2s"'
            )
        else:
            trace = _counts(rows, header[0], service, taken, rng)
        if not trace.work_seconds:
            raise rows.wrong("at least one task that takes time", None, "take more of the trace")
    return trace


def _tasks(rows: Rows, part: Part, rng: Random) -> Trace:
    arrivals, services = array("d"), array("d")
    for row in rows:
        try:
            arrival, service = float(row[0]), float(row[1])
        except (ValueError, IndexError):
            arrival = service = math.nan
        if math.isnan(arrival) or math.isnan(service) or len(row) != 2:
            raise rows.wrong("two numbers, arrival_s,service_s", ",".join(row))
        if not 0 <= arrival <= _SECONDS_AT_MOST:
            raise rows.wrong("an arrival in seconds, not negative", row[0])
        if not 0 <= service <= _SERVICE_AT_MOST:
            raise rows.wrong(f"a run time of 0 to {_SERVICE_AT_MOST:.0f} s", row[1])
        if part.scale == 1.0 or rng.random() < part.scale:
            arrivals.append(arrival)
            services.append(service)
        if len(arrivals) > TASKS_AT_MOST:
            raise _too_many(rows)
    first = min(arrivals, default=0.0)
    trace = in_order(str(rows.path), arrivals, services, first if first > _DATES_FROM else 0.0)
    if part.skip_seconds or part.seconds < math.inf:
        return trace.part(part.skip_seconds, part.seconds)
    return trace


def _counts(rows: Rows, kind: str, service: Service, part: Part, rng: Random) -> Trace:
    minutes: list[tuple[float, int]] = []
    begins_at, before, missing, total = math.nan, -math.inf, 0, 0
    for row in rows:
        at, count = _count(rows, kind, row)
        if at <= before:
            raise rows.wrong(
                f"a time after the row before's, under {kind}",
                row[0],
                "sort the rows by their times",
            )
        if math.isnan(begins_at):
            begins_at = at + part.skip_seconds
        before, since = at, at - before
        if at < begins_at:
            continue
        if at >= begins_at + part.seconds:
            break
        if at > begins_at:
            missing += max(0, round(since / _MINUTE) - 1)
        taken = count if part.scale == 1.0 else _thinned(count * part.scale, rng)
        total += taken
        if total > TASKS_AT_MOST:
            raise _too_many(rows)
        minutes.append((at, taken))
    # Not before it is known how many there are.
    arrivals = array("d")
    for at, taken in minutes:
        arrivals.extend(sorted([at + _MINUTE * rng.random() for _ in range(taken)]))
    return Trace(str(rows.path), arrivals, service.draw(rng, total), begins_at, missing)


def _count(rows: Rows, kind: str, row: list[str]) -> tuple[float, int]:
    if len(row) != 2:
        raise rows.wrong(f"{kind},count", ",".join(row))
    if not row[1].strip().isdecimal() or len(row[1]) > 12 or int(row[1]) > TASKS_AT_MOST:
        raise rows.wrong(f"a count of 0 to {TASKS_AT_MOST}", row[1])
    try:
        if kind == "minute_utc":
            date = datetime.fromisoformat(row[0].strip())
            at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        else:
            at = float(row[0]) * (_MINUTE if kind == "minute" else 1.0)
    except (ValueError, OverflowError):
        at = math.nan
    if not 0 <= at <= _SECONDS_AT_MOST:
        what = "a date and time" if kind == "minute_utc" else "a number, not negative,"
        raise rows.wrong(f"{what} under {kind}", row[0])
    return at, int(row[1])


def _thinned(exact: float, rng: Random) -> int:
    """Return the number, or the one above it, so that the mean is right."""
    return int(exact) + (rng.random() < exact - int(exact))


def _too_many(rows: Rows) -> OpsError:
    return rows.wrong(
        f"at most {TASKS_AT_MOST} tasks", "more", "take a part: --scale 0.1 or --lasting 7d"
    )
