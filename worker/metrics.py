"""A worker's metrics: counted in its parent process, whatever the pool, in one registry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from worker import metrics_table as table
from worker.instruments import Counter, Histogram
from worker.lately import Lately
from worker.metrics_table import ENDINGS, OTHER, Kind, Metric
from worker.outcomes import Outcome, Verdict
from worker.sqs.ledger import Held

#: Made when a task's first message comes, since a rate needs a zero to start from.
_FROM_THE_FIRST: Final = (Outcome.DONE, Outcome.FAILED, Outcome.RETRIED, Outcome.CHILD_DIED)

#: No class of Python's is named longer; what a task raises is its own to name.
_ERROR_AT_MOST_CHARACTERS: Final = 100

Count = Callable[[], None]
#: a metric's values by its labels' values, ``queue`` left out where it is the first
Values = Mapping[tuple[str, ...], float]


class Metrics:
    """Counts what the engine tells (``worker.sqs.observer.Observer``); ``read`` tells the rest.

    ``known`` are the names of the tasks that this worker has; others come from the wire and are
    counted as one. Nothing is kept by child process or by message.
    """

    def __init__(
        self, queue: str, known: Container[str], read: Callable[[], Mapping[Metric, Values]]
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.lately = Lately()
        self._known = known
        self._queue = queue
        self._lock = threading.Lock()
        self._tasks: dict[str, _Task] = {}
        self._counters = {m: Counter(m) for m in table.OBSERVED if m.kind is Kind.COUNTER}
        self._times = {m: Histogram(m) for m in table.OBSERVED if m.kind is Kind.HISTOGRAM}
        self._acknowledged = self._times[table.ACKNOWLEDGE].of(queue)
        for collector in (*self._counters.values(), *self._times.values(), _Readings(read)):
            self.registry.register(collector)

    def received(self, held: Held) -> None:
        """Count a receive."""
        task = self._task(held.task)
        task.received()
        if held.receives > 1:
            task.redelivered()

    def started(self, held: Held, at: float) -> None:
        """Count a wait."""
        epoch = time.time() - (time.monotonic() - at)
        waited = max(0.0, epoch - held.due_at_epoch_seconds)
        self._task(held.task).waited(waited)
        self.lately.began(waited)

    def ended(self, held: Held, verdict: Verdict) -> None:
        """Count an outcome and, if it ran, its time."""
        task = self._task(held.task)
        task.outcomes[verdict.outcome]()
        if held.started_at is not None:
            ran = time.monotonic() - held.started_at
            task.ran(ran)
            self.lately.ended(ran, verdict)
        if verdict.outcome is Outcome.FAILED:
            task.failed(verdict.reason.kind if verdict.reason is not None else OTHER)

    def acknowledged(self, seconds: float) -> None:
        """Count how long SQS's confirmation took."""
        self._acknowledged(seconds)

    def _task(self, name: str) -> _Task:
        task = self._tasks.get(name)
        if task is not None:
            return task
        label = self._label(name)
        with self._lock:
            if label not in self._tasks and len(self._tasks) >= table.TASKS_AT_MOST:
                label = OTHER
            if label not in self._tasks:
                self._tasks[label] = _Task(self._queue, label, self._counters, self._times)
            return self._tasks[label]

    def _label(self, name: str) -> str:
        if name == table.UNDECODABLE or name in self._known:
            return name
        return table.UNREGISTERED


class _Task:
    """One task's series, their label values looked up once."""

    def __init__(
        self,
        queue: str,
        name: str,
        counters: Mapping[Metric, Counter],
        times: Mapping[Metric, Histogram],
    ) -> None:
        self.waited = times[table.TASK_WAIT].of(queue, name)
        self.ran = times[table.TASK_RUN].of(queue, name)
        self.received = counters[table.RECEIVED].of(queue, name)
        self.redelivered = counters[table.REDELIVERED].of(queue, name)
        self.outcomes = _Outcomes(counters[table.TASK_OUTCOMES], queue, name)
        self._failures = counters[table.TASK_FAILURES]
        self._labels = (queue, name)
        self._errors: set[str] = set()

    def failed(self, error: str) -> None:
        """Count a failure by its class."""
        error = error[:_ERROR_AT_MOST_CHARACTERS]
        if error not in self._errors:
            if len(self._errors) >= table.ERRORS_A_TASK_AT_MOST:
                error = OTHER
            self._errors.add(error)
        self._failures.of(*self._labels, error)()


class _Outcomes(dict[Outcome, Count]):
    """What counts an outcome of one task, made when it is first asked for."""

    def __init__(self, counter: Counter, queue: str, name: str) -> None:
        super().__init__()
        self._counter, self._labels = counter, (queue, name)
        for outcome in _FROM_THE_FIRST:
            self[outcome]

    def __missing__(self, outcome: Outcome) -> Count:
        count = self._counter.of(*self._labels, ENDINGS[outcome].label)
        self[outcome] = count
        return count


class _Readings(Collector):
    """Metrics that are kept elsewhere already, as they stand when they are asked for."""

    def __init__(self, read: Callable[[], Mapping[Metric, Values]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """Yield a family for each metric read."""
        for metric, values in self._read().items():
            family: CounterMetricFamily | GaugeMetricFamily
            if metric.kind is Kind.COUNTER:
                family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            else:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family
