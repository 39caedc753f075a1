"""Every metric of a worker: the table from which they are made, shown, tested and documented. Pure.

Names follow Prometheus's conventions: base units, ``_total`` for counters. No label carries an
id or a host name: a series lives as long as the database that keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from worker.outcomes import Outcome

#: Series a worker may have: names beyond these are counted as ``OTHER``.
TASKS_AT_MOST: Final = 200
ERRORS_A_TASK_AT_MOST: Final = 20
OTHER: Final = "(other)"
UNREGISTERED: Final = "(unregistered)"
UNDECODABLE: Final = "(undecodable)"

_RUNS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
RUN_BUCKETS_SECONDS: Final = (*_RUNS, 1800.0, 3600.0)
WAIT_BUCKETS_SECONDS: Final = (*RUN_BUCKETS_SECONDS, 7200.0, 21600.0)
CALL_BUCKETS_SECONDS: Final = _RUNS[:10]


class Kind(StrEnum):
    """A metric's type, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``name`` is the one on the page, ``buckets`` are upper bounds in seconds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ("queue",)
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """The value of the label ``outcome``, and what it counts."""

    label: str
    meaning: str


#: how a message's time on a worker ended -> the label ``outcome``
ENDINGS: Final = MappingProxyType[Outcome, Ending](
    {
        Outcome.DONE: Ending("success", "ran to its end"),
        Outcome.FAILED: Ending("failure", "raised an exception past its retries"),
        Outcome.RETRIED: Ending("retry", "asked for another run, which is a message of its own"),
        Outcome.IGNORED: Ending("ignored", "raised Ignore"),
        Outcome.TIMED_OUT: Ending("timed_out", "reached its time limit"),
        Outcome.REJECTED: Ending("rejected", "raised Reject"),
        Outcome.REQUEUED: Ending("requeued", "raised Reject(requeue=True)"),
        Outcome.CHILD_DIED: Ending("lost", "the process that ran it died"),
        Outcome.REVOKED: Ending("revoked", "revoked, or expired before its start"),
        Outcome.UNREGISTERED: Ending("unregistered", "a task this release does not know"),
        Outcome.UNDECODABLE: Ending("undecodable", "no task message"),
        Outcome.NO_PAYLOAD: Ending("no_payload", "its arguments could not be fetched"),
        Outcome.NOT_DUE: Ending("not_due", "came before its eta, and was sent on to wait"),
        Outcome.REPEATED: Ending("repeated", "delivered again after its end here; not run again"),
        Outcome.NOT_STARTED: Ending("not_started", "handed back before its start"),
        Outcome.CUT_OFF: Ending("cut_off", "handed back and ended at the end of a drain"),
        Outcome.LEASE_LOST: Ending("lease_lost", "given up, since its lease was lost"),
    }
)

_TASK: Final = ("queue", "task")

TASK_WAIT: Final = Metric(
    "fleet_task_wait_seconds",
    Kind.HISTOGRAM,
    "From when a task was sent (with an eta: due) to its start, at every start",
    _TASK,
    WAIT_BUCKETS_SECONDS,
)
TASK_RUN: Final = Metric(
    "fleet_task_run_seconds",
    Kind.HISTOGRAM,
    "From a task's start to its end, however it ended",
    _TASK,
    RUN_BUCKETS_SECONDS,
)
TASK_OUTCOMES: Final = Metric(
    "fleet_task_outcomes_total",
    Kind.COUNTER,
    "Messages by how their time on this worker ended",
    (*_TASK, "outcome"),
)
TASK_FAILURES: Final = Metric(
    "fleet_task_failures_total",
    Kind.COUNTER,
    "Outcomes of failure, by the class of the exception",
    (*_TASK, "error"),
)
RECEIVED: Final = Metric(
    "fleet_messages_received_total", Kind.COUNTER, "Messages received, each time", _TASK
)
REDELIVERED: Final = Metric(
    "fleet_messages_redelivered_total",
    Kind.COUNTER,
    "Messages received that had been received before (receive count above 1)",
    _TASK,
)
ACKNOWLEDGE: Final = Metric(
    "fleet_acknowledge_seconds",
    Kind.HISTOGRAM,
    "From a message's end (a copied one's: its copy) to SQS's confirmation of what it was told",
    buckets=CALL_BUCKETS_SECONDS,
)
POLLS: Final = Metric("fleet_polls_total", Kind.COUNTER, "Polls opened")
POLLS_OPEN: Final = Metric("fleet_polls_open", Kind.GAUGE, "Polls open now")
POLL_ERRORS: Final = Metric(
    "fleet_poll_errors_total", Kind.COUNTER, "Polls that failed, by what helps", ("queue", "kind")
)
POLL_AGE: Final = Metric(
    "fleet_last_poll_age_seconds",
    Kind.GAUGE,
    "Time since a poll was last answered without an error; before the first, since the start",
)
SLOTS: Final = Metric("fleet_slots", Kind.GAUGE, "Slots, busy and free", ("queue", "state"))
BUFFERED: Final = Metric(
    "fleet_messages_buffered", Kind.GAUGE, "Messages received that wait for a slot"
)
UNACKNOWLEDGED: Final = Metric(
    "fleet_messages_unacknowledged",
    Kind.GAUGE,
    "Messages whose end SQS has not confirmed",
)
LEASES_HELD: Final = Metric("fleet_leases_held", Kind.GAUGE, "Messages held under a lease")
LEASES_RENEWED: Final = Metric("fleet_leases_renewed_total", Kind.COUNTER, "Leases renewed")
LEASES_LOST: Final = Metric(
    "fleet_leases_lost_total", Kind.COUNTER, "Leases lost: the message may run again elsewhere"
)
WORKER: Final = Metric(
    "fleet_worker_info",
    Kind.GAUGE,
    "1: this worker's fleet, queue, pool and release (FLEET_RELEASE)",
    ("fleet", "queue", "pool", "release"),
)
PHASE: Final = Metric(
    "fleet_worker_phase",
    Kind.GAUGE,
    "1 for what the worker is doing, 0 for the rest",
    ("queue", "phase"),
)
HEALTHY: Final = Metric("fleet_worker_healthy", Kind.GAUGE, "1 while /healthz answers 200")
READY: Final = Metric("fleet_worker_ready", Kind.GAUGE, "1 while /readyz answers 200")

#: counted as they happen
OBSERVED: Final = (
    TASK_WAIT,
    TASK_RUN,
    TASK_OUTCOMES,
    TASK_FAILURES,
    RECEIVED,
    REDELIVERED,
    ACKNOWLEDGE,
)
#: read when the page is asked for
READ: Final = (
    POLLS,
    POLLS_OPEN,
    POLL_ERRORS,
    POLL_AGE,
    SLOTS,
    BUFFERED,
    UNACKNOWLEDGED,
    LEASES_HELD,
    LEASES_RENEWED,
    LEASES_LOST,
    WORKER,
    PHASE,
    HEALTHY,
    READY,
)
TABLE: Final = (*OBSERVED, *READ)
