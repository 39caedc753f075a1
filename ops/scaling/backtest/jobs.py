"""Many runs at once: every policy on every trace with every seed, one process a core."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from ops.errors import OpsError
from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.report import Result, result_of
from ops.scaling.backtest.rivals import Case, build, tick_seconds
from ops.scaling.backtest.run import run
from ops.scaling.backtest.trace import Trace
from ops.scaling.settings import Settings

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """One run: the trace by its number, and what is set."""

    trace: int
    policy: str
    settings: Settings
    seed: int = 1
    keep_series: bool = False


def run_job(job: Job, traces: Sequence[Trace], losses: Losses | None = None) -> Result:
    """Run one policy over one trace."""
    trace, settings = traces[job.trace], job.settings
    done = run(
        build(job.policy, Case(trace, settings, job.seed, losses)),
        trace,
        slots=settings.slots,
        boot_seconds=settings.boot_seconds,
        seed=job.seed,
        losses=losses,
        tick_seconds=tick_seconds(job.policy),
    )
    return result_of(
        done,
        trace,
        seed=job.seed,
        promise_seconds=settings.start_within_seconds,
        keep_series=job.keep_series,
    )


def run_jobs(
    jobs: Sequence[Job],
    traces: Sequence[Trace],
    losses: Losses | None = None,
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Result]:
    """Run them all and return their results in order.

    `progress` is told about once a second how many are done. An interruption (KeyboardInterrupt)
    ends the processes before it goes on. Raises OpsError where a process dies.
    """
    count = min(len(jobs), processes or os.cpu_count() or 1)
    if count <= 1:
        results: list[Result] = []
        for job in jobs:
            if progress:
                progress(len(results))
            results.append(run_job(job, traces, losses))
        return results
    # The longest first, so that none is left alone at the end; a result keeps its place.
    order = iter(sorted(range(len(jobs)), key=lambda n: -len(traces[jobs[n].trace])))
    children: dict[Connection, multiprocessing.Process] = {}
    try:
        for _ in range(count):
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.Process(
                target=_serve, args=(theirs, jobs, traces, losses), daemon=True
            )
            _start(child)
            theirs.close()
            children[ours] = child
        done = _gathered(set(children), order, len(jobs), progress)
        return [done[number] for number in range(len(jobs))]
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.join()


def _start(child: multiprocessing.Process) -> None:
    """Start it with Ctrl-C, which reaches the whole process group, held back until it is ready."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gathered(
    idle: set[Connection],
    order: Iterator[int],
    count: int,
    progress: Callable[[int], None] | None,
) -> dict[int, Result]:
    """Hand each process the next job whenever it has none, until `count` results are there.

    No thread has a part in it, as one would in an executor: an interruption then meets nobody who
    still writes to what is being closed.
    """
    done: dict[int, Result] = {}
    busy: set[Connection] = set()
    while len(done) < count:
        for connection in idle:
            number = next(order, None)
            if number is not None:
                connection.send(number)
                busy.add(connection)
        if progress:
            progress(len(done))
        idle = {one for one in wait(list(busy), _LOOK_SECONDS) if isinstance(one, Connection)}
        for connection in idle:
            done.update(_heard(connection))
        busy -= idle
    if progress:
        progress(len(done))
    return done


def _heard(connection: Connection) -> dict[int, Result]:
    try:
        answer: dict[int, Result] | BaseException = connection.recv()
    except (EOFError, ConnectionError) as error:
        raise OpsError(
            "backtest: expected every process to come to its end, one died (memory?): "
            "try --processes 1, or a part of the trace"
        ) from error
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _serve(
    connection: Connection,
    jobs: Sequence[Job],
    traces: Sequence[Trace],
    losses: Losses | None,
) -> None:
    """Run jobs by their number as they are asked for, until the parent ends us or is gone."""
    # The parent is interrupted too and speaks for us: no traceback of ours.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    # A sibling may hold the other end of our pipe too, so its end alone would not tell us.
    ends: list[Connection | int] = [connection, parent.sentinel] if parent else [connection]
    while connection in wait(ends):
        number: int = connection.recv()
        try:
            connection.send({number: run_job(jobs[number], traces, losses)})
        except OpsError as error:
            connection.send(error)
