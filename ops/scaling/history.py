"""A queue's history in CloudWatch as a trace: messages sent, minute by minute."""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.scaling.durations import Durations
from ops.scaling.hazards import EDGES
from ops.scaling.memories import unpacked
from ops.scaling.memory import Memory, MemoryUnreadable

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

#: CloudWatch keeps datapoints of one minute for 15 days (user guide, "Metrics retention").
DAYS_AT_MOST: Final = 15
HEADER: Final = ("minute_utc", "count")
_MINUTE: Final = 60
#: One call gives 100,800 datapoints and 15 days have 21,600: more pages than these are an error.
_PAGES_AT_MOST: Final = 50
#: Fewer completions than these say nothing of a queue's run times.
_ENOUGH: Final = 20


class Minute(NamedTuple):
    """A minute of which CloudWatch knows something."""

    at: int
    """When it began, seconds since the epoch."""
    messages: int
    """How many were sent in it."""


class RunTimes(NamedTuple):
    """What the engine has learnt of a queue's run times."""

    mean_seconds: float
    cv: float
    """Standard deviation as a part of the mean."""
    completions: int


def sent_by_minute(client: CloudWatchClient, queue: str, begin: float, end: float) -> list[Minute]:
    """Return the messages sent to a queue in each minute from `begin` to `end` that is known.

    `queue` is its physical name. A minute that is not there is unknown: CloudWatch has nothing of a
    queue that nobody has used for six hours. Raises OpsError where AWS does not tell all of it.
    """
    found: dict[int, int] = {}
    request: dict[str, Any] = {
        "MetricDataQueries": [_query(queue)],
        "StartTime": _date(math.floor(begin / _MINUTE) * _MINUTE),
        "EndTime": _date(math.floor(end / _MINUTE) * _MINUTE),
        "ScanBy": "TimestampAscending",
    }
    for _ in range(_PAGES_AT_MOST):
        with aws_errors(f"reading the history of {queue}", service="cloudwatch"):
            answer = client.get_metric_data(**request)
        for result in answer["MetricDataResults"]:
            if result.get("StatusCode") not in {"Complete", "PartialData"}:
                told = "; ".join(str(each.get("Value")) for each in result.get("Messages", ()))
                raise OpsError(
                    f"AWS: reading the history of {queue}: expected all of it, got "
                    f"{result.get('StatusCode')} {told}".rstrip()
                    + ": run it again"
                )
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                found[int(at.timestamp())] = round(value)
        token = answer.get("NextToken")
        if not token:
            return [Minute(at, messages) for at, messages in sorted(found.items())]
        request["NextToken"] = token
    raise OpsError(
        f"AWS: reading the history of {queue}: expected an end within {_PAGES_AT_MOST} pages, got "
        "more: ask for fewer days"
    )


def write_csv(file: TextIO, minutes: Sequence[Minute]) -> None:
    """Write the minutes as a trace that `ops scaling backtest` reads."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(HEADER)
    for minute in minutes:
        rows.writerow((f"{_date(minute.at):%Y-%m-%d %H:%M:%S}", minute.messages))


def missing(minutes: Sequence[Minute]) -> int:
    """Return how many minutes are not known between the first and the last that are."""
    if not minutes:
        return 0
    return (minutes[-1].at - minutes[0].at) // _MINUTE + 1 - len(minutes)


def run_times(memory: str) -> RunTimes | None:
    """Return what a queue's memory says of its run times; None where it says too little.

    `memory` is as the registry holds it. A mean over the counts by age, old completions forgotten;
    each at the geometric middle of its bucket, whose edges are 30 % apart.
    """
    try:
        durations: Durations = Memory.from_text(unpacked(memory)).durations
    except MemoryUnreadable:
        return None
    weight = sum(durations.counts)
    if durations.total < _ENOUGH or weight <= 0:
        return None
    upper = (*EDGES[1:], EDGES[-1] * 1.3)
    middles = [math.sqrt(max(a, b / 2) * b) for a, b in zip(EDGES, upper, strict=True)]
    mean = sum(n * x for n, x in zip(durations.counts, middles, strict=True)) / weight
    square = sum(n * x * x for n, x in zip(durations.counts, middles, strict=True)) / weight
    return RunTimes(mean, math.sqrt(max(0.0, square - mean**2)) / mean, durations.total)


def _query(queue: str) -> dict[str, Any]:
    return {
        "Id": "sent",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": "NumberOfMessagesSent",
                "Dimensions": [{"Name": "QueueName", "Value": queue}],
            },
            "Period": _MINUTE,
            "Stat": "Sum",
        },
    }


def _date(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
