"""``python -m benchmarks``: measure, print the table, and with ``--write`` keep it."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import (
    AUTO,
    DEFAULT,
    EAGER,
    ONE,
    SLOTS,
    Contestant,
    Measured,
    Work,
    measure,
    measure_idle,
)

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

NAP_SECONDS = 0.05


@dataclass(frozen=True)
class Row:
    """A contestant at a kind of work, medians over the runs."""

    work: str
    name: str
    rate: float
    calls_a_task: float
    parent_rss_mb: float


@dataclass(frozen=True)
class Aim:
    """A figure to reach, and what was measured."""

    text: str
    found: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the measured figure reaches the aim."""
        return (self.least is None or self.found >= self.least) and (
            self.most is None or self.found <= self.most
        )


def main(arguments: list[str] | None = None) -> int:
    """Measure everything; exit 1 if an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs a figure is the median of")
    parser.add_argument("--seconds", type=float, default=6, help="the window of one run")
    parser.add_argument("--write", action="store_true", help="keep the table in README.md")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    rows, cpu, calls = _measure_all(options.runs, options.seconds)
    aims = _aims({(row.work, row.name): row for row in rows}, cpu, calls)
    if options.json:
        print(json.dumps({"rows": [vars(r) for r in rows], "aims": [vars(a) for a in aims]}))
    else:
        text = _table(rows, aims, options.runs)
        print(text)
        if options.write:
            _write(text)
    return 0 if all(aim.met for aim in aims) else 1


def _works(seconds: float) -> dict[str, tuple[Work, tuple[Contestant, ...]]]:
    """Return what is measured: queues deep enough not to run dry at the rates to be expected."""
    nap = (NAP_SECONDS,)
    span = seconds + 6
    return {
        "no-op, 10 ms a call": (
            Work("no-op, 10 ms a call", "bench.noop", (), 10, seconds, int(2200 * span)),
            (DEFAULT, EAGER, ONE, AUTO),
        ),
        "no-op, no delay": (
            Work("no-op, no delay", "bench.noop", (), 0, seconds, int(2600 * span)),
            (AUTO,),
        ),
        "50 ms, 10 ms a call": (
            Work("50 ms, 10 ms a call", "bench.nap", nap, 10, seconds, int(100 * span)),
            (EAGER, ONE, AUTO),
        ),
    }


def _measure_all(runs: int, seconds: float) -> tuple[list[Row], float, float]:
    """Run the contestants in turn, so that a drift of the machine meets them all."""
    found: dict[tuple[str, str], list[Measured]] = {}
    works = _works(seconds)
    for run in range(runs):
        for work, contestants in works.values():
            for contestant in contestants:
                measured = measure(contestant, work)
                found.setdefault((work.name, contestant.name), []).append(measured)
                print(
                    f"run {run + 1} of {runs}: {work.name}: {contestant.name}: "
                    f"{measured.rate:.1f}/s, {measured.calls_a_task:.2f} calls a task",
                    file=sys.stderr,
                )
    rows = [
        Row(
            work,
            name,
            statistics.median(m.rate for m in measured),
            statistics.median(m.calls_a_task for m in measured),
            statistics.median(m.parent_rss_mb for m in measured),
        )
        for (work, name), measured in found.items()
    ]
    cpu, calls = measure_idle(ONE, 60)
    return rows, cpu, calls


def _aims(rows: dict[tuple[str, str], Row], cpu: float, calls: float) -> list[Aim]:
    noop, nap = "no-op, 10 ms a call", "50 ms, 10 ms a call"
    capacity = SLOTS / NAP_SECONDS

    def rate(work: str, contestant: Contestant) -> float:
        return rows[work, contestant.name].rate

    one, auto = rows[noop, ONE.name], rows[noop, AUTO.name]
    stock = rows[noop, EAGER.name]

    def ratio(ours: Contestant, theirs: Contestant) -> float:
        return rate(noop, ours) / rate(noop, theirs)

    return [
        Aim("prefetch 1 against polling_interval=0, times", ratio(ONE, EAGER), least=2.5),
        Aim("prefetch 1 against Celery's defaults, times", ratio(ONE, DEFAULT), least=50),
        Aim("prefetch 1, calls a task on a deep queue", one.calls_a_task, most=1.1),
        Aim('"auto" against polling_interval=0, times', ratio(AUTO, EAGER), least=8),
        Aim(
            '"auto", share of its own rate at no delay, %',
            100 * auto.rate / rate("no-op, no delay", AUTO),
            least=80,
        ),
        Aim('"auto", calls a task', auto.calls_a_task, most=0.35),
        Aim("50 ms tasks, prefetch 1, % of the slots", 100 * rate(nap, ONE) / capacity, least=78),
        Aim('50 ms tasks, "auto", % of the slots', 100 * rate(nap, AUTO) / capacity, least=92),
        Aim("idle, % of a core", cpu, most=1),
        Aim("idle, calls a minute", calls, most=3),
        Aim(
            "parent's memory above stock's, MB (prefetch 1)",
            one.parent_rss_mb - stock.parent_rss_mb,
            most=25,
        ),
        Aim(
            "parent's memory above stock's, MB (\"auto\")",
            auto.parent_rss_mb - stock.parent_rss_mb,
            most=25,
        ),
    ]


def _table(rows: list[Row], aims: list[Aim], runs: int) -> str:
    lines = [
        f"Medians of {runs} runs, {SLOTS} slots, Python {platform.python_version()}, "
        "one machine of two cores that also ran the SQS.",
        "",
        "| work | worker | tasks/s | calls a task | parent, MB |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.work} | {row.name} | {row.rate:.1f} | {row.calls_a_task:.2f} "
        f"| {row.parent_rss_mb:.0f} |"
        for row in rows
    ]
    lines += ["", "| aim | wanted | measured | |", "|---|---:|---:|---|"]
    for aim in aims:
        wanted = f"≥ {aim.least:g}" if aim.least is not None else f"≤ {aim.most:g}"
        lines.append(f"| {aim.text} | {wanted} | {aim.found:.2f} | {'✓' if aim.met else '✗'} |")
    return "\n".join(lines)


def _write(table: str) -> None:
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
