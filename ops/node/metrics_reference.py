"""The reference page of metrics and health: `python -m ops.node.metrics_reference` prints it."""

import sys
from collections.abc import Iterator

from worker import address, health, notify
from worker import metrics_table as table
from worker.ending import EX_LEFT
from worker.manifest.services import Metrics
from worker.metrics_table import Kind, Metric
from worker.sqs.acks import STUCK_SECONDS
from worker.sqs.errors import Trouble

_DEFAULT = Metrics()
_KINDS = ", ".join(f"`{kind.replace(' ', '_')}`" for kind in Trouble)

_INTRODUCTION = f"""\
# Metrics and health

Every worker answers on one HTTP address from its parent process, whatever its pool: the
manifest's `metrics.host` and `metrics.port` (`{_DEFAULT.host}:{_DEFAULT.port}`), or
`{address.VARIABLE}=host:port` for one worker. Where the port is taken, by another worker of the
machine for one, it takes any that is free, and says so; `ops node status` shows the address.

| Path | Answer |
| --- | --- |
| `/metrics` | Prometheus's text format 0.0.4 |
| `/healthz` | 200 or 503, and JSON: `healthy`, `phase`, `reasons` |
| `/readyz` | 200 or 503, and JSON: `ready`, `phase` |

There is no password: who reaches the address can read it. It shows names of queues, tasks and
exception classes, and nothing of a message.

## Metrics

`task` is a task's name; what this release does not know counts as `{table.UNREGISTERED}`, what is
no task message as `{table.UNDECODABLE}`, names beyond {table.TASKS_AT_MOST} a worker as
`{table.OTHER}`. `error` is an exception's class, at most {table.ERRORS_A_TASK_AT_MOST} a task,
then `{table.OTHER}`. `kind` is what helps against an error:
{_KINDS}.

No label holds an id or a host, and nothing grows with tasks run or with children gone. Counts are
the process's own and end with it: a worker that leaves takes what was not yet scraped with it.
"""

_OUTCOMES = """\

### `outcome`

Every message received ends in one of them:
"""

_HEALTH = f"""\

## `/healthz`

503 when

- a slot has been free, and no poll answered, for {health.POLLS_MISSED} polls' time
  (`queues.<name>.poll`; at least {health.DEAF_AT_LEAST_SECONDS:g} s);
- a finished message could not be deleted, or handed back, for {health.ACKS_STUCK_SECONDS:g} s
  (after {STUCK_SECONDS:g} s polls stop);
- the thread that renews leases has ended, or has not looked round for a third of a lease and
  {health.LEASE_THREAD_MARGIN_SECONDS:g} s;
- the warden, or the event loop, has not looked round for {health.STUCK_SECONDS:g} s (under solo a
  running task holds the event loop, which is no ailment);
- the worker does not consume {health.START_SECONDS:g} s after its start.

A worker that is paused, draining or leaving is not ill for that, nor is one whose slots are all
busy. Under threads and solo a task that never lets go of the interpreter lock silences everything
else in its process, the endpoint too.

## `/readyz`

200 once a poll has been answered, and until the worker is paused, drains or leaves.

## systemd

With `Type=notify` a worker says `READY=1` when its first poll is under way (or it is paused),
`STOPPING=1` when it begins to drain, and a `STATUS=` at least every {notify.EVERY_SECONDS:g} s.
During a drain it asks for {notify.EXTENSION_SECONDS:g} s more every {notify.EVERY_SECONDS:g} s
(`EXTEND_TIMEOUT_USEC`), so that the drain's own budget bounds it and not the unit's
`TimeoutStopSec`. A worker that starts
while SQS is out of reach has started all the same, and receives when SQS is back. One that is ended
by a SIGTERM before its `READY=1`, as `TimeoutStartSec` does, leaves with status {EX_LEFT} instead
of 0: `Restart=always` starts it again, also with `RestartPreventExitStatus=0`.

With `WatchdogSec` it feeds the watchdog as long as a new start would not help: when calls to SQS
fail, `/healthz` says so, but running tasks are not killed for it; when a thread is stuck or gone,
systemd ends and starts the worker. `WatchdogSec=2min` is sensible: leaving at once may take
20 s in which nothing is said.
"""


def metrics_reference() -> str:
    """Return the page in Markdown."""
    return "\n".join(
        [
            _INTRODUCTION,
            "| Metric | Type | Labels | Meaning |",
            "| --- | --- | --- | --- |",
            *map(_row, table.TABLE),
            *_buckets(),
            _OUTCOMES,
            "| Label | Meaning |",
            "| --- | --- |",
            *(f"| `{end.label}` | {end.meaning} |" for end in table.ENDINGS.values()),
            _HEALTH,
        ]
    )


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


def _buckets() -> Iterator[str]:
    yield "\nUpper bounds of the buckets, in seconds:\n"
    for metric in table.TABLE:
        if metric.kind is Kind.HISTOGRAM:
            yield f"- `{metric.name}`: {', '.join(f'{edge:g}' for edge in metric.buckets)}"


if __name__ == "__main__":
    sys.stdout.write(metrics_reference())
