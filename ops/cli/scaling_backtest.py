"""`ops scaling backtest`: what last week would have cost and kept under a policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import counting
from ops.cli.output import print_json, print_table, say
from ops.cli.params import Duration
from ops.cli.scaling_trial import Asked, Headroom, Policies, RunTime
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.scaling.backtest.losses import Losses
    from ops.scaling.backtest.report import Result
    from ops.scaling.backtest.trace import Trace
    from ops.scaling.settings import Settings

_MOST_RUNS = 20_000
_file = click.Path(path_type=Path)


@click.command()
@click.option("--trace", "traces", multiple=True, metavar="FILE...", help="CSV; also several.")
@click.argument("more", nargs=-1, metavar="")
@click.option("--queue", metavar="NAME", help="Scale as this queue of the manifest is.")
@click.option("--slots", type=click.IntRange(1, 10_000), help="Tasks at once on one node.")
@click.option("--boot", type=Duration(at_most="1d"), help="From launch to first receive [3m].")
@click.option("--start-within", type=Duration("1s", "12h"), help="The promise [none].")
@click.option("--min", "minimum", type=click.IntRange(0, 100_000), help="Fewest nodes [0].")
@click.option("--max", "maximum", type=click.IntRange(1, 100_000), help="Most nodes [1000].")
@click.option("--headroom", type=Headroom(), metavar="N|auto|off", help="Free nodes kept [auto].")
@click.option("--service", type=RunTime(), help='Run time of counts: "20m", "1.5s", "200ms".')
@click.option("--service-cv", type=click.FloatRange(0, 10), default=0.0,
              help="Its standard deviation as a part of the mean; log-normal [0].")  # fmt: skip
@click.option("--scale", type=click.FloatRange(0, 1, min_open=True), default=1.0,
              help="The part of the tasks to take, at random [1].")  # fmt: skip
@click.option("--from", "skip", type=Duration(), default="0s", help="Leave out the beginning.")
@click.option("--lasting", type=Duration("1m"), help="Take so much of it.")
@click.option("--policy", type=Policies(), default="fleet", help="The policy to try [fleet].")
@click.option("--against", type=Policies(), default="", help="Others, with commas, or all.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=1, help="Runs of each [1].")
@click.option("--spot", type=_file, metavar="FILE", help="Spot losses: at_s, or hour,rate.")
@click.option("--plot", type=_file, metavar="FILE", help="Draw the first runs: .png or .svg.")
@click.option("--frontier", type=_file, metavar="FILE",
              help="Draw cost against share in time, by headroom: .png or .svg.")  # fmt: skip
@click.option("--processes", type=click.IntRange(1, 256), help="[as many as cores]")
@json_option
@pass_ops
def backtest(ops: Ops, /, **given: Any) -> int:
    """Replay traces of a queue under one policy and others: cost, waits, what was killed.

    A trace is CSV, .gz or not: one task a row under arrival_s,service_s, or counts under
    minute_utc,count (or minute,count or at_s,count), which need --service. The cost is the time
    that nodes were there, as a multiple of the pure work. A task is in time if its first start was
    within --start-within of its arrival.

    Policies: fleet (the engine's own decisions), depth (the same with that policy alone), simple,
    keda, keda-drain, buildkite, idle-timeout, target-tracking, static, schedule. The last two are
    fitted to the very trace that they are then judged on.
    """
    from ops.scaling.backtest.losses import read_losses  # noqa: PLC0415

    asked = Asked(**given)
    settings = asked.settings(ops)
    _check(asked, settings)
    losses = read_losses(asked.spot) if asked.spot else None
    traces = [asked.read(path) for path in asked.files]
    if asked.frontier:
        _draw_frontier(asked, asked.frontier, traces[0], settings, losses)
    results = _run(asked, traces, settings, losses)
    if asked.plot:
        _draw(asked.plot, traces[0], results, settings)
    _show(results, settings, asked.as_json)
    return Exit.DONE


def _check(asked: Asked, settings: Settings) -> None:
    """Refuse what cannot be done before anything is read or run."""
    if not asked.files:
        raise OpsError("--trace: expected a CSV file, got none: name one", Exit.USAGE)
    runs = len(asked.files) * len(asked.policies) * asked.seeds
    if runs > _MOST_RUNS:
        raise OpsError(
            f"expected at most {_MOST_RUNS} runs, got {runs}: take fewer seeds", Exit.USAGE
        )
    for option, path in (("--plot", asked.plot), ("--frontier", asked.frontier)):
        if path is None:
            continue
        from ops.scaling.backtest.drawing import check  # noqa: PLC0415

        check(option, path)
        if len(asked.files) > 1:
            raise OpsError(
                f"{option}: expected one trace, got {len(asked.files)}: draw one by one", Exit.USAGE
            )
    if asked.frontier is not None and settings.start_within_seconds is None:
        raise OpsError("--frontier: expected a promise, got none: give --start-within", Exit.USAGE)


def _run(
    asked: Asked, traces: Sequence[Trace], settings: Settings, losses: Losses | None
) -> list[Result]:
    from ops.scaling.backtest.jobs import Job, run_jobs  # noqa: PLC0415

    jobs = [
        Job(number, name, settings, seed, keep_series=asked.plot is not None and seed == 1)
        for number in range(len(traces))
        for name in asked.policies
        for seed in range(1, asked.seeds + 1)
    ]
    with counting("backtest: runs", len(jobs)) as progress:
        return run_jobs(jobs, traces, losses, processes=asked.processes, progress=progress)


def _draw(path: Path, trace: Trace, results: Sequence[Result], settings: Settings) -> None:
    from ops.scaling.backtest.plot import draw  # noqa: PLC0415

    draw(path, trace, [each for each in results if each.seed == 1], settings)
    say(f"drawn: {path}")


def _draw_frontier(
    asked: Asked, path: Path, trace: Trace, settings: Settings, losses: Losses | None
) -> None:
    from ops.scaling.backtest.frontier import HEADROOMS, draw, sweep  # noqa: PLC0415

    with counting("frontier: runs", len(HEADROOMS) * asked.seeds) as progress:
        points = sweep(
            trace,
            settings,
            asked.policies[0],
            seeds=asked.seeds,
            losses=losses,
            processes=asked.processes,
            progress=progress,
        )
    draw(path, trace, points, settings)
    for point in points:
        say(
            f"headroom {point.headroom}: cost {point.cost_ratio:.3f}, "
            f"{point.in_time_percent:.2f} % in time"
        )
    say(f"drawn: {path}")


def _show(results: Sequence[Result], settings: Settings, as_json: bool) -> None:
    if as_json:
        print_json({"results": [each.as_data() for each in results]})
        return
    from ops.scaling.backtest.rivals import HINDSIGHT  # noqa: PLC0415
    from ops.scaling.backtest.table import COLUMNS, rows  # noqa: PLC0415

    print_table(COLUMNS, rows(results))
    promise = settings.start_within_seconds
    say(
        f"{settings.slots} slots a node, boot {settings.boot_seconds:.0f} s, promise "
        f"{'none' if promise is None else f'{promise:.0f} s'}; cost as a multiple of the pure work"
    )
    fitted = sorted(HINDSIGHT & {each.policy for each in results})
    if fitted:
        say(f"{', '.join(fitted)}: fitted to the very trace, as no one can be beforehand")
