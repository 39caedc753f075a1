"""``python -m benchmarks.scaling_tick``: a whole tick of the engine, for 50 and for 500 queues.

Lease, signals, decisions, memories, actions (none are due) and the journal, a file, of the
production `Engine`, over HTTP to an AWS whose every answer takes 50 ms (`benchmarks.scaling_stub`,
in a process of its own). Four busy nodes a queue have spoken in the registry, each told with its
last 32 completions, beside a memory of hours of simulated work; a tick comes every 15 s of a clock
that is turned by hand.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scaling_stub import ANSWER_SECONDS, FLEET, INSTANCES, SLOTS, node_name
from ops.local.aws import local_environment
from ops.local.process import start_server
from ops.scaling.engine import Engine
from ops.scaling.journal_file import FileJournal
from ops.scaling.looking import Parts
from ops.scaling.memory import Memory
from ops.scaling.starting import parts_of
from ops.scaling.tick import Ticked
from tests.scaled_ticks import simulated_ticks
from worker.fleet import Fleet, loads

ROOT = Path(__file__).resolve().parents[1]
TICKS = 9
EVERY_SECONDS = 15.0
LEASE_SECONDS = 45.0
#: Hours of ticks, of which the second half has no more arrivals.
_REMEMBERED_TICKS = 2_400
#: The aims: seconds a tick, reads a tick, and calls of CloudWatch a minute.
AIMS = {50: (1.0, 52, 1), 500: (3.0, 506, 5)}
_AGES = "GetMetricData"
_WRITES = ("UpdateItem", "TransactWriteItems")


@dataclass(frozen=True)
class Tick:
    """One tick: what it called, and what it took."""

    calls: Counter[str]
    seconds: float
    cpu_seconds: float
    bytes: int
    """What the journal grew by."""

    @property
    def reads(self) -> int:
        """Calls but CloudWatch's, which come once a minute, and writes."""
        return sum(self.calls.values()) - self.calls[_AGES] - self.writes

    @property
    def writes(self) -> int:
        """The lease, and the memories."""
        return sum(self.calls[action] for action in _WRITES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling_tick")
    parser.add_argument("--queues", type=int, nargs="+", default=list(AIMS))
    parser.add_argument("--profile", action="store_true", help="and show what the ticks spend")
    options = parser.parse_args(arguments)
    missed = 0
    print(f"every answer takes {ANSWER_SECONDS * 1000:.0f} ms; {os.cpu_count()} cores")
    print(
        f"{'queues':>6} {'tick':>8} {'reads':>6} {'CloudWatch':>10} {'writes':>6} {'seconds':>8} "
        f"{'CPU s':>6} {'journal':>9}"
    )
    for queues in options.queues:
        profile = cProfile.Profile() if options.profile else None
        ticks = measure(queues, profile)
        for number, tick in enumerate(ticks):
            name = "first" if number == 0 else f"+{number * EVERY_SECONDS:.0f} s"
            print(
                f"{queues:>6} {name:>8} {tick.reads:>6} {tick.calls[_AGES]:>10} {tick.writes:>6} "
                f"{tick.seconds:>8.2f} {tick.cpu_seconds:>6.2f} {tick.bytes / 1024:>6.0f} KB"
            )
        missed += not _met(queues, ticks)
        if profile is not None:
            pstats.Stats(profile).sort_stats("cumulative").print_stats("ops/", 45)
    return 1 if missed else 0


def _met(queues: int, ticks: Sequence[Tick]) -> bool:
    seconds, reads, ages = AIMS.get(queues, AIMS[max(AIMS)])
    # The first asks for a queue's URL and for what is remembered besides.
    steady = ticks[1:]
    worst = max(tick.seconds for tick in ticks)
    found = (
        worst <= seconds,
        max(tick.reads for tick in steady) <= reads,
        max(tick.calls[_AGES] for tick in ticks) <= ages,
    )
    middle = statistics.median(tick.seconds for tick in ticks)
    print(
        f"{queues:>6} median {middle:.2f} s, worst {worst:.2f} s, aim {seconds:g} s and {reads} "
        f"reads: {'met' if all(found) else 'MISSED'}"
    )
    return all(found)


def measure(queues: int, profile: cProfile.Profile | None = None) -> list[Tick]:
    """Run some ticks of a fleet of so many queues."""
    memory, now = _remembered()
    with tempfile.TemporaryDirectory() as name, _aws(Path(name), queues) as url:
        folder = Path(name)
        journal = FileJournal(folder / "journal.jsonl")
        with _parts(_fleet(queues, folder), url) as parts:
            clock = _Clock(now)
            engine = Engine(
                parts,
                tick_seconds=EVERY_SECONDS,
                lease_seconds=LEASE_SECONDS,
                journal=journal,
                clock=clock,
            )
            ticks = []
            for _ in range(TICKS):
                clock.now += EVERY_SECONDS
                _ask(f"{url}/__at", {"now": clock.now, "memory": memory})
                before = _size(folder)
                wall, cpu = time.perf_counter(), time.process_time()
                if profile is not None:
                    profile.enable()
                ticked = engine.tick()
                if profile is not None:
                    profile.disable()
                took = time.perf_counter() - wall, time.process_time() - cpu
                asked = _ask(f"{url}/__asked")
                _check(ticked, asked)
                ticks.append(Tick(Counter(asked["asked"]), *took, _size(folder) - before))
        journal.close()
    return ticks


def _check(ticked: Ticked, asked: Mapping[str, Any]) -> None:
    """What is fast because it failed, or did something else, is not measured."""
    assert not asked["unknown"], asked["unknown"]
    assert ticked.acts, ticked.troubles
    assert not ticked.troubles, ticked.troubles
    for queue, tick in ticked.queues.items():
        nodes, group = tick.snapshot.nodes.value, tick.snapshot.group.value
        assert tick.snapshot.counts.value is not None, tick.snapshot.counts
        assert tick.snapshot.oldest.value is not None, tick.snapshot.oldest
        assert group is not None, tick.snapshot.group
        assert nodes is not None, tick.snapshot.nodes
        assert len(nodes) == len(group.instances) == INSTANCES
        assert not tick.notes, (queue, tick.notes)
        assert not tick.decision.actions, (queue, tick.decision)


def _remembered() -> tuple[str, float]:
    """Return what is remembered of a queue amidst its work, and when; its nodes have no ids yet."""
    ticks = simulated_ticks(_REMEMBERED_TICKS, tasks_per_second=0.2, service_seconds=60.0)
    busy = ticks[: _REMEMBERED_TICKS // 2]
    found = next(tick for tick in reversed(busy) if tick.before is not None)
    assert found.before is not None
    memory, now = json.loads(found.before), found.snapshot.now
    nodes = [node_name(number) for number in range(INSTANCES)]
    memory |= {
        "joined": nodes,
        "first_seen": dict.fromkeys(nodes, now - 7_200),
        "begun": dict.fromkeys(nodes, 1),
        "ended": dict.fromkeys(nodes, now - 30),
        "ending": [],
        "resumed": {},
    }
    return Memory.from_text(json.dumps(memory)).to_text(), now


def _fleet(queues: int, folder: Path) -> Fleet:
    tables = "".join(
        f'[queues.q{n}]\ntasks = ["q{n}.*"]\nconcurrency = {SLOTS}\nslo.start_within = "5m"\n'
        f"nodes.min = {INSTANCES}\nnodes.max = 40\n"
        for n in range(queues)
    )
    return loads(f'name = "{FLEET}"\nregion = "eu-west-1"\n{tables}', folder / "fleet.toml")


class _Clock:
    """Turned by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def _parts(fleet: Fleet, url: str) -> Iterator[Parts]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_environment(url, {}).items():
            patch.setenv(name, value)
        with parts_of(fleet) as parts:
            yield parts


@contextmanager
def _aws(folder: Path, queues: int) -> Iterator[str]:
    child, url = start_server(
        "stub",
        [sys.executable, "-m", "benchmarks.scaling_stub", str(queues)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        log=folder / "stub.log",
        on_wait=lambda: None,
    )
    try:
        yield url
    finally:
        child.end()


def _ask(url: str, body: Mapping[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data, timeout=30) as answer:
        return json.load(answer)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("journal.jsonl*"))


if __name__ == "__main__":
    sys.exit(main())
