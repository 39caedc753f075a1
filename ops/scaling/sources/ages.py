"""The age of a queue's oldest message: CloudWatch's once a minute, and the nodes' own waits.

What is joined, and why. Both observe one quantity, the age of the oldest visible message, at
different times. CloudWatch's datapoint is the maximum over a minute, it comes one to three minutes
late, and it leaves out messages received more than three times. A node's longest wait is exact and
seconds old, but it speaks of a message that has started: it says that at some time since its word
before there was a message at least so old, and nothing of those that nobody has started. So a
node's wait is a lower bound that is newer. It raises CloudWatch's age, and never lowers it; a node
that started young tasks proves nothing about the ones that still wait. Waits older than a minute,
or older than the datapoint, are not used: the message they speak of has long gone.

Where CloudWatch has nothing to say the nodes' longest wait stands alone, as at least the age, and
the reading keeps CloudWatch's trouble beside it.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ops.scaling.model import Node, Reading
from ops.scaling.sources.troubles import trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient

SOURCE: Final = "cloudwatch:GetMetricData"
NODES: Final = "registry: longest wait"

#: SQS writes its metrics once a minute; more calls cost more and say no more.
EVERY_SECONDS: Final = 60.0
#: GetMetricData takes this many queries a call (API reference).
QUERIES_A_CALL: Final = 500
#: A bound on pages: 500 metrics of some minutes are far below the 100,800 datapoints of one.
_MOST_PAGES: Final = 4
_LOOK_BACK_SECONDS: Final = 300.0
#: A datapoint older than this says nothing of now.
_FORGET_SECONDS: Final = 600.0
_FRESH_WAIT_SECONDS: Final = 60.0


class Point(NamedTuple):
    """A datapoint: an age in seconds, and the beginning of the minute it is the maximum of."""

    age: float
    at: float


class OldestMessages:
    """Reads the ages of all queues at once, at most once a minute; keeps them in between."""

    def __init__(self, client: CloudWatchClient, names: Mapping[str, str]) -> None:
        """`names` are the queues' physical names by their names in the fleet."""
        self._client = client
        self._names = dict(names)
        self._lock = threading.Lock()
        self._points: dict[str, Point] = {}
        self._troubles: dict[str, str] = {}
        self._due_at = float("-inf")

    def due(self, now: float) -> bool:
        """Whether a minute has passed since CloudWatch was asked, whatever it answered."""
        return now >= self._due_at

    def refresh(self, now: float) -> None:
        """Ask for the ages of all queues: a call for every 500."""
        self._due_at = now + EVERY_SECONDS
        queues = list(self._names)
        for first in range(0, len(queues), QUERIES_A_CALL):
            chunk = queues[first : first + QUERIES_A_CALL]
            found: dict[str, Point] = {}
            why: dict[str, str] = {}
            try:
                self._ask(chunk, now, found, why)
            except Exception as error:  # ages of other queues, and those of before, still stand
                said = trouble(error, SOURCE)
                why = {queue: said for queue in chunk if queue not in found} | why
            with self._lock:
                self._points.update(found)
                for queue in chunk:
                    self._troubles.pop(queue, None)
                self._troubles.update(why)

    def reading(
        self, queue: str, nodes: Iterable[Node], now: float, late: str = ""
    ) -> Reading[float]:
        """Return the best that is known of a queue's oldest message; `late` is why no call ended.

        `taken_at` is the datapoint's own time, or the word of the node whose wait it is.
        """
        with self._lock:
            point = self._points.get(queue)
            why = late or self._troubles.get(queue, "")
        if point is not None and now - point.at > _FORGET_SECONDS:
            point = None
        waited = _longest_wait(nodes, now, since=float("-inf") if point is None else point.at)
        if waited is not None and (point is None or waited.age > point.age):
            return Reading(waited.age, waited.at, NODES, "" if point is not None else why)
        if point is not None:
            return Reading(point.age, point.at, SOURCE, why)
        nothing = f"absent: no datapoint in the last {_LOOK_BACK_SECONDS / 60:.0f} minutes"
        return Reading(None, now, SOURCE, why or nothing)

    def _ask(
        self, chunk: Sequence[str], now: float, found: dict[str, Point], why: dict[str, str]
    ) -> None:
        request: dict[str, Any] = {
            "MetricDataQueries": [
                _query(f"q{number}", self._names[queue]) for number, queue in enumerate(chunk)
            ],
            "StartTime": _time(now - now % 60 - _LOOK_BACK_SECONDS),
            "EndTime": _time(now - now % 60 + 60),
            "ScanBy": "TimestampDescending",
        }
        for _ in range(_MOST_PAGES):
            answer: Any = self._client.get_metric_data(**request)
            for result in answer["MetricDataResults"]:
                queue = chunk[int(result["Id"][1:])]
                for at, age in zip(result["Timestamps"], result["Values"], strict=True):
                    point = Point(float(age), at.timestamp())
                    if queue not in found or point.at > found[queue].at:
                        found[queue] = point
                if result.get("StatusCode") in ("InternalError", "Forbidden"):
                    why[queue] = _not_told(result["StatusCode"])
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]


def _longest_wait(nodes: Iterable[Node], now: float, since: float) -> Point | None:
    waits = [
        Point(node.longest_wait, node.said_at)
        for node in nodes
        if node.longest_wait is not None
        and node.said_at > since
        and now - node.said_at <= _FRESH_WAIT_SECONDS
    ]
    return max(waits, default=None)


def _query(number: str, name: str) -> dict[str, Any]:
    return {
        "Id": number,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": name}],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }


def _not_told(status: str) -> str:
    return f"denied: allow {SOURCE}" if status == "Forbidden" else f"failed: {SOURCE}: {status}"


def _time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
