"""``python -m benchmarks.scaling``: our scaling beside others', on made traces and on yours.

Everything is computed: no AWS, no clock. ``--write`` keeps the tables in README.md, those of the
made traces between one pair of markers and those of ``--trace`` between another.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from benchmarks import scaling_traces
from benchmarks.scaling_traces import DAY
from ops.scaling.backtest.jobs import Job, run_job, run_jobs
from ops.scaling.backtest.losses import Losses
from ops.scaling.backtest.reading import Part, Service, read_trace
from ops.scaling.backtest.report import Result
from ops.scaling.backtest.rivals import HINDSIGHT, POLICIES
from ops.scaling.backtest.table import COLUMNS, rows, short_name
from ops.scaling.backtest.trace import Trace
from ops.scaling.settings import Settings

README = Path(__file__).parent / "README.md"
SETTINGS = Settings(
    "benchmark",
    slots=4,
    maximum=1000,
    boot_seconds=180.0,
    start_within_seconds=300.0,
    policies=frozenset({"age"}),
)
#: Of ten instances one an hour: the mildest hour of Bamboo's EC2 traces (NSDI 2023), and three
#: hundred times the worst band of AWS's Spot Instance Advisor.
SPOT = Losses(hourly=(0.10,))
KEPT_PERCENT = 99.9
MILLION = 1_000_000
#: The aim: a week of so many queues under ten policies.
QUEUES = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything and print it; 1 where a rival that keeps the promise is cheaper than ours."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--trace", type=Path, nargs="+", default=[], help="traces of tasks instead")
    parser.add_argument("--counts", type=Path, nargs="+", default=[], help="traces of counts too")
    parser.add_argument("--service", type=float, default=15.0, help="seconds, for counts")
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the counts to take")
    parser.add_argument("--from-day", type=float, default=0.0, help="where to begin in the counts")
    parser.add_argument("--days", type=float, default=7.0, help="how much of them to take")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="keep the tables in README.md")
    options = parser.parse_args(arguments)
    given = bool(options.trace or options.counts)
    if given:
        part = Part(options.from_day * DAY, options.days * DAY, options.scale)
        traces = [
            *(read_trace(path) for path in options.trace),
            *(read_trace(path, Service(options.service), part) for path in options.counts),
        ]
    else:
        traces = [make() for make in scaling_traces.MADE]
    before = _processor_seconds()
    results = _runs(traces, SETTINGS, tuple(POLICIES), options)
    took = _processor_seconds() - before
    parts = [_table(results), _summary(results), _variants(traces, options)]
    if not given:
        parts.append(_speed(took, len(traces) * len(POLICIES) * options.seeds, options.processes))
    text = "\n\n".join([_head(options), *parts])
    print(text)
    if options.write:
        _write(text, "scaling-traces" if given else "scaling")
    return 0 if all(ours <= best for _, ours, _, best in _best(results)) else 1


def _runs(
    traces: Sequence[Trace],
    settings: Settings,
    policies: Sequence[str],
    options: argparse.Namespace,
    losses: Losses | None = None,
) -> list[Result]:
    jobs = [
        Job(number, policy, settings, seed)
        for number in range(len(traces))
        for policy in policies
        for seed in range(1, options.seeds + 1)
    ]
    return run_jobs(
        jobs, traces, losses, processes=options.processes, progress=_progress(len(jobs))
    )


def _progress(total: int) -> Callable[[int], None]:
    told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(f"{done} of {total} runs done", file=sys.stderr)

    return tell


def _head(options: argparse.Namespace) -> str:
    return (
        f"Means of {options.seeds} seeds (`in time` and `max`: the worst of them); 4 slots a node, "
        "180 s boot, 300 s to start. Cost is the time that nodes were there, as a multiple of the "
        f"pure work. {', '.join(sorted(HINDSIGHT))}: fitted to the very trace."
    )


def _table(results: Sequence[Result]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|" + "---:|" * (len(COLUMNS) - 2)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(results)]
    return "\n".join(lines)


def _best(results: Sequence[Result]) -> list[tuple[str, float, str, float]]:
    """For each trace: our cost, and the cheapest rival that kept the promise without killing."""
    groups: dict[str, dict[str, list[Result]]] = {}
    for result in results:
        groups.setdefault(result.trace, {}).setdefault(result.policy, []).append(result)
    found = []
    for trace, by_policy in groups.items():
        cost = {name: fmean(one.cost_ratio for one in runs) for name, runs in by_policy.items()}
        kept = {
            name: cost[name]
            for name, runs in by_policy.items()
            if name not in HINDSIGHT | {"fleet", "depth"}
            and all(one.killed == 0 for one in runs)
            and min(one.in_time_percent or 0.0 for one in runs) >= KEPT_PERCENT
        }
        name = min(kept, key=kept.__getitem__, default="none")
        found.append((short_name(trace), cost["fleet"], name, kept.get(name, float("inf"))))
    return found


def _summary(results: Sequence[Result]) -> str:
    lines = [
        f"Against the cheapest rival that started {KEPT_PERCENT} % in time and killed nothing:",
        "",
        "| trace | fleet | the rival | its cost | fleet costs |",
        "|---|---:|---|---:|---:|",
    ]
    for trace, ours, name, best in _best(results):
        less = "-" if name == "none" else f"{100 * (ours / best - 1):+.1f} %"
        lines.append(f"| {trace} | {ours:.3f} | {name} | {best:.3f} | {less} |")
    return "\n".join(lines)


def _variants(traces: Sequence[Trace], options: argparse.Namespace) -> str:
    short = replace(SETTINGS, start_within_seconds=60.0)
    one = replace(SETTINGS, slots=1)
    tried = (
        ("spot losses, 0.10 a node and hour", SETTINGS, SPOT, ("fleet",)),
        ("one slot a node", one, None, ("fleet", "simple")),
        ("60 s to start, 45 s boot", replace(short, boot_seconds=45.0), None, ("fleet", "simple")),
        ("60 s to start, 180 s boot", short, None, ("fleet", "simple")),
    )
    lines = [
        "| otherwise | trace | policy | cost | in time % | launches | re-run % |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, settings, losses, policies in tried:
        found = _runs(traces, settings, policies, options, losses)
        for row in rows(found):
            trace, policy, cost, in_time, *_, launches, _reversals, _killed, rerun = row
            lines.append(
                f"| {name} | {trace} | {policy} | {cost} | {in_time} | {launches} | {rerun} |"
            )
    return "\n".join(lines)


def _speed(took: float, runs: int, processes: int) -> str:
    trace = scaling_traces.dense(MILLION)
    before = time.process_time()
    run_job(Job(0, "fleet", SETTINGS), [trace])
    rate = MILLION / (time.process_time() - before)
    weeks = QUEUES * len(POLICIES)
    minutes = took / runs * weeks / processes / 60
    return "\n".join(
        [
            "| speed, in processor time | aim | measured |",
            "|---|---:|---:|",
            f"| a million tasks over a day, fleet, tasks/s on one core | ≥ 100,000 | {rate:,.0f} |",
            f"| a week of {QUEUES} queues like these under {len(POLICIES)} policies, minutes on "
            f"{processes} cores | ≤ 10 | {minutes:.1f} |",
        ]
    )


def _processor_seconds() -> float:
    """Return what this process and its children have used; not what others on the machine have."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _write(text: str, name: str) -> None:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    readme = README.read_text()
    head, _, rest = readme.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise SystemExit(f"{README}: expected {begin} and {end}, found neither: add them")
    README.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


if __name__ == "__main__":
    sys.exit(main())
