"""Counters and histograms of one worker, as collectors of prometheus_client's registry.

Its own instruments put every sample's labels together anew whenever they are asked; with fifty
tasks that is most of a scrape. Here a series' labels are made once.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric as Family
from prometheus_client.core import Sample
from prometheus_client.registry import Collector

from worker.metrics_table import Metric


class _Count:
    """One series of a counter."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._lock = threading.Lock()
        self.labels = labels
        self.value = 0

    def add(self) -> None:
        """Count one more."""
        with self._lock:
            self.value += 1


class Counter(Collector):
    """A counter of the table."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], _Count] = {}

    def of(self, *values: str) -> Callable[[], None]:
        """Return what counts one for these values of the labels, from 0 on."""
        with self._lock:
            if values not in self._series:
                self._series[values] = _Count(_labels(self._metric, values))
            return self._series[values].add

    def collect(self) -> Iterator[Family]:
        """Yield all of it."""
        family = Family(self._metric.name.removesuffix("_total"), self._metric.help, "counter")
        with self._lock:
            series = list(self._series.values())
        family.samples = [Sample(self._metric.name, one.labels, one.value) for one in series]
        yield family


class _Spread:
    """One series of a histogram."""

    def __init__(self, labels: dict[str, str], edges: tuple[float, ...]) -> None:
        self._lock = threading.Lock()
        self._labels = labels
        self._edges = edges
        self._buckets = [{**labels, "le": le} for le in (*map(str, edges), "+Inf")]
        self._counts = [0] * len(self._buckets)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        index = bisect_left(self._edges, value)  # an edge belongs to the bucket below it
        with self._lock:
            self._counts[index] += 1
            self._sum += value

    def samples(self, name: str) -> Iterator[Sample]:
        """Yield its samples, each bucket with all below it."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        so_far = 0
        bucket = f"{name}_bucket"
        for labels, count in zip(self._buckets, counts, strict=True):
            so_far += count
            yield Sample(bucket, labels, so_far)
        yield Sample(f"{name}_count", self._labels, so_far)
        yield Sample(f"{name}_sum", self._labels, total)


class Histogram(Collector):
    """A histogram of the table."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], _Spread] = {}

    def of(self, *values: str) -> Callable[[float], None]:
        """Return what counts an observation, in seconds, for these values of the labels."""
        with self._lock:
            if values not in self._series:
                labels = _labels(self._metric, values)
                self._series[values] = _Spread(labels, self._metric.buckets)
            return self._series[values].observe

    def collect(self) -> Iterator[Family]:
        """Yield all of it."""
        family = Family(self._metric.name, self._metric.help, "histogram")
        with self._lock:
            series = list(self._series.values())
        family.samples = [sample for one in series for sample in one.samples(self._metric.name)]
        yield family


def _labels(metric: Metric, values: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(metric.labels, values, strict=True))
