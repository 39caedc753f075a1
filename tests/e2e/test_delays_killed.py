"""Tasks due from a second to hours later, while workers and forwarders are killed all along."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.fleet import Worker
from tests.e2e.later import Later, later

LONG = os.environ.get("FLEET_LONG") == "1"
#: Short against the time a forwarder has, which passes as the clock is turned.
STEP_SECONDS = 30
#: Of each kind.
KEPT_RUNNING = 2


@pytest.mark.parametrize(
    ("tasks", "hours", "kill_every"),
    [
        pytest.param(600, 1.0, 10, id="600"),
        pytest.param(
            5000,
            3.0,
            12,
            id="5000",
            marks=[
                pytest.mark.long,
                pytest.mark.timeout(1200),
                pytest.mark.skipif(not LONG, reason="FLEET_LONG=1 runs it"),
            ],
        ),
    ],
)
def test_each_effect_once_and_none_early(
    tmp_path: Path, tasks: int, hours: float, kill_every: int
) -> None:
    rng = Random(tasks)
    with later(tmp_path, concurrency=4, lease="20m") as on:
        killer = Killer(on, rng)
        killer.start()
        countdowns = {f"k{i}": rng.uniform(1, hours * 3600) for i in range(tasks)}
        countdowns["k0"], countdowns["k1"] = 1.0, hours * 3600
        due = on.publish(countdowns, "effect")
        step = 0

        def done() -> bool:
            nonlocal step
            step += 1
            if step % kill_every == 0 and step * STEP_SECONDS < hours * 3600:
                killer.kill(step // kill_every)
            return len(on.ended()) == len(due)

        on.turn_until(done, step_seconds=STEP_SECONDS, at_most_seconds=(hours + 2) * 3600)
        report = account(on, killer)
        print(report)
        assert on.early() == []
        assert report["unexplained"] == []
        assert report["lost"] == 0
        # A message more than tasks is one that a forwarder had sent on when it was killed, or one
        # that a worker was given before it was due.
        assert report["sent to their queue"] <= tasks + 10 * len(killer.killed)


class Killer:
    """Keeps workers and forwarders running, and kills them by turns."""

    def __init__(self, on: Later, rng: Random) -> None:
        self._on = on
        self._rng = rng
        self.workers: list[Worker] = []
        self.forwarders: list[Worker] = []
        self.killed: dict[int, float] = {}

    def start(self) -> None:
        for _ in range(KEPT_RUNNING):
            self.workers.append(self._on.worker())
            self.forwarders.append(self._on.forwarder())

    def kill(self, turn: int) -> None:
        """Kill one in the midst of its work, and start another, which takes over while it can."""
        kind, again = (
            (self.workers, self._on.worker) if turn % 2 else (self.forwarders, self._on.forwarder)
        )
        victim = kind.pop(self._rng.randrange(len(kind)))
        self._on.fleet.kill(victim)
        self.killed[victim.process.pid] = self._on.clock.time()
        kind.append(again(ready=False))


def account(on: Later, killer: Killer) -> dict[str, Any]:
    """Say what ran how often, and which effects happened more than once for no kill."""
    effects = Counter(record["key"] for record in on.records("effect"))
    runs = Counter(record["key"] for record in on.records("start"))
    cut_off = {
        record["key"]
        for record in on.records("effect")
        if record["ppid"] in killer.killed
        and not any(
            end["id"] == record["id"] and end["pid"] == record["pid"] for end in on.records("end")
        )
    }
    late = sorted(record["at"] - record["due_at"] for record in on.records("start"))
    return {
        "tasks": len(runs),
        "sent to their queue": on.fleet.counts().sent,
        "received from it": on.fleet.counts().received,
        "killed": len(killer.killed),
        "runs": runs.total(),
        "effects": effects.total(),
        "lost": sum(1 for key in runs if effects[key] == 0),
        "cut off in their effect": len(cut_off),
        "unexplained": [k for k, n in effects.items() if n > 1 and k not in cut_off],
        "median late": late[len(late) // 2],
    }
