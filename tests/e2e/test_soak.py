"""Workers killed every two seconds under a steady stream: nothing lost, every repeat explained."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, one_queue, wait_for
from tests.e2e.stream import Stream, lost, streaming, unexplained

KILL_EVERY_SECONDS = 2.0
LONG = "FLEET_LONG" in os.environ
SOAK_SECONDS = 300.0 if LONG else 20.0
WORKERS = 3

#: pool -> slots a worker, naps in seconds, seconds between submissions, tasks at least sent
POOLS: dict[str, tuple[int, tuple[float, ...], float, int]] = {
    "prefork": (2, (0.05, 0.1, 0.5, 0.2), 0.08, 150),
    "threads": (4, (0.05, 0.1, 0.5, 0.2), 0.08, 150),
    "solo": (1, (0.05, 0.1, 0.2), 0.1, 120),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.timeout(SOAK_SECONDS + 240)
def test_kills_lose_nothing_and_explain_every_repeat(tmp_path: Path, pool: str) -> None:
    slots, naps, every_seconds, at_least = POOLS[pool]
    # So many kills may cost one message more receives than any queue should allow.
    table = {"pool": pool, "concurrency": slots, "lease": "5s", "max_receives": 100}
    with one_queue(tmp_path, **table) as fleet:
        for _ in range(WORKERS):
            fleet.start()
        with streaming(fleet, naps, every_seconds) as stream:
            killed_at = _kill_in_turn(fleet, stream)
        wait_for(
            lambda: fleet.empty() and not lost(fleet, stream),
            f"{len(stream.sent)} tasks to be done",
            fleet.workers[-1],
            120.0,
        )
        runs = fleet.run_counts()
        repeats = sum(runs.values()) - len(runs)
        print(f"{pool}: {len(stream.sent)} sent, {len(killed_at)} kills, {repeats} run again")
        assert not stream.unsure
        assert len(stream.sent) >= at_least
        assert set(runs) == set(stream.sent) == fleet.finished()
        assert len(killed_at) >= SOAK_SECONDS / KILL_EVERY_SECONDS - 2
        assert unexplained(fleet, killed_at) == []
        assert not fleet.dead_letters()


def _kill_in_turn(fleet: Fleet, stream: Stream) -> dict[int, float]:
    """Kill the oldest worker and start another, again and again; return pid -> epoch seconds."""
    killed_at: dict[int, float] = {}
    ends = time.monotonic() + SOAK_SECONDS
    while (due := time.monotonic() + KILL_EVERY_SECONDS) < ends:
        time.sleep(max(0.0, due - time.monotonic()))
        victim = next(worker for worker in fleet.workers if worker.alive())
        fleet.kill(victim)
        killed_at[victim.process.pid] = time.time()
        fleet.start(ready=False)
    return killed_at
