"""Many runs at once: every policy on every trace with every seed, one process a core."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

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
    with ProcessPoolExecutor(count, initializer=_hold, initargs=(traces, losses)) as pool:
        # The longest first, so that none is left alone at the end; a result keeps its place.
        order = sorted(range(len(jobs)), key=lambda n: -len(traces[jobs[n].trace]))
        futures = {pool.submit(_run_held, jobs[n]): n for n in order}
        try:
            return _gathered(futures, progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _gathered(
    futures: dict[Future[Result], int], progress: Callable[[int], None] | None
) -> list[Result]:
    left = set(futures)
    while left:
        done, left = wait(left, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        if progress:
            progress(len(futures) - len(left))
        for future in done:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                raise OpsError(
                    "backtest: expected every process to come to its end, one died (memory?): "
                    "try --processes 1, or a part of the trace"
                ) from error
            if error is not None:
                raise error
    return [future.result() for future, _ in sorted(futures.items(), key=lambda item: item[1])]


_held: tuple[Sequence[Trace], Losses | None] = ((), None)


def _hold(traces: Sequence[Trace], losses: Losses | None) -> None:
    """Keep the traces in a process of the pool: they are sent once, and not with every job."""
    global _held  # noqa: PLW0603 - the pool's own way to hand something to its processes
    _held = (traces, losses)
    # Ctrl-C reaches the whole process group; the parent ends us, without a traceback of ours.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run_held(job: Job) -> Result:
    return run_job(job, *_held)
