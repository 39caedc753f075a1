"""The age of the oldest message: what CloudWatch and what nodes say of it, joined."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ops.scaling.model import Node
from ops.scaling.sources.ages import NODES, SOURCE, OldestMessages

NOW = 1_200_000.0


class CloudWatch:
    """Answers GetMetricData with the ages it was given, newest first."""

    def __init__(self, points: list[tuple[float, float]], status: str = "Complete") -> None:
        self.points = points
        self.status = status
        self.asked: list[dict[str, Any]] = []

    def get_metric_data(self, **request: Any) -> Any:
        self.asked.append(request)
        result = {
            "Id": "q0",
            "Timestamps": [dt.datetime.fromtimestamp(at, dt.UTC) for _, at in self.points],
            "Values": [age for age, _ in self.points],
            "StatusCode": self.status,
        }
        return {"MetricDataResults": [result]}


def ages_of(cloudwatch: Any, count: int = 1) -> OldestMessages:
    return OldestMessages(cloudwatch, {f"q{n}": f"fleet-q{n}" for n in range(count)})


def node(wait: float | None, said_ago: float, id: str = "i-1") -> Node:
    return Node(id=id, busy=1, slots=4, said_at=NOW - said_ago, longest_wait=wait)


def read(points: list[tuple[float, float]], *nodes: Node) -> tuple[float | None, float, str]:
    ages = ages_of(CloudWatch(points))
    ages.refresh(NOW)
    reading = ages.reading("q0", nodes, NOW)
    return reading.value, reading.taken_at, reading.source


def test_the_newest_datapoint_is_taken_with_its_own_time() -> None:
    points = [(20.0, NOW - 120), (90.0, NOW - 180)]
    assert read(points) == (20.0, NOW - 120, SOURCE)
    assert read(points[::-1]) == (20.0, NOW - 120, SOURCE)


def test_a_newer_and_longer_wait_of_a_node_raises_it() -> None:
    points = [(20.0, NOW - 120)]
    waits = (node(31.0, 5, "i-1"), node(45.0, 10, "i-2"), node(None, 1, "i-3"))
    assert read(points, *waits) == (45.0, NOW - 10, NODES)


@pytest.mark.parametrize(
    "waited",
    [
        node(1.0, 5),  # a young task has started, which says nothing of those that wait
        node(99.0, 61),  # the message it speaks of has long gone
        node(99.0, 130),  # CloudWatch has seen the queue since
    ],
)
def test_a_wait_never_lowers_it_nor_speaks_of_the_past(waited: Node) -> None:
    assert read([(20.0, NOW - 120)], waited) == (20.0, NOW - 120, SOURCE)


def test_without_a_datapoint_the_longest_wait_stands_alone_and_the_trouble_beside_it() -> None:
    ages = ages_of(CloudWatch([], status="Forbidden"))
    ages.refresh(NOW)
    alone = ages.reading("q0", (node(12.0, 5),), NOW)
    assert (alone.value, alone.source) == (12.0, NODES)
    assert alone.trouble == f"denied: allow {SOURCE}"
    nothing = ages.reading("q0", (), NOW)
    assert (nothing.value, nothing.trouble) == (None, f"denied: allow {SOURCE}")


def test_an_old_datapoint_is_forgotten() -> None:
    assert read([(20.0, NOW - 601)])[0] is None
    assert read([(20.0, NOW - 599)])[0] == 20.0


def test_it_is_asked_once_a_minute_500_a_call() -> None:
    cloudwatch = CloudWatch([(1.0, NOW - 60)])
    ages = ages_of(cloudwatch, 1_001)
    assert ages.due(NOW)
    ages.refresh(NOW)
    assert [len(each["MetricDataQueries"]) for each in cloudwatch.asked] == [500, 500, 1]
    assert not ages.due(NOW + 59)
    assert ages.due(NOW + 60)
