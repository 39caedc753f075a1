"""A worker that is killed: its work runs elsewhere within one lease."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.fleet import one_queue, wait_for

LEASE_SECONDS = 6


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_killed_mid_task_its_work_runs_elsewhere_within_a_lease(tmp_path: Path, pool: str) -> None:
    slots = 1 if pool == "solo" else 2
    table = {"pool": pool, "concurrency": slots, "lease": f"{LEASE_SECONDS}s"}
    with one_queue(tmp_path, **table) as fleet:
        first = fleet.start()
        keys = fleet.submit("e2e.nap", 4.0, count=slots)
        wait_for(lambda: len(fleet.runs()) == slots, "the first runs", first)

        fleet.kill(first)
        killed_at = time.time()
        second = fleet.start()

        wait_for(lambda: fleet.finished() == set(keys), "the second runs' ends", second)
        again = [run for run in fleet.runs() if run.started_at > killed_at]
        assert {run.key for run in again} == set(keys)
        assert max(run.started_at for run in again) - killed_at < LEASE_SECONDS + 5
        wait_for(fleet.empty, "an empty queue", second)
        assert not fleet.dead_letters()
