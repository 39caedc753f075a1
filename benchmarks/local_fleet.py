"""``python -m benchmarks.local_fleet``: how soon a local fleet works, and how large it may get.

First the seconds from the start of `ops stack apply`, in an empty account, to the first task done:
four queues, no boot delay, an engine that ticks every two seconds. Then one queue of twenty nodes:
how long they take to launch, to do a queue full of tasks and to leave, and what they cost idle.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.e2e.whole import Whole, whole

#: The aim: seconds from `ops stack apply` to the first task done.
AIM_SECONDS = 20.0
QUEUES = ("video", "statements", "email", "documents")
#: How long the idle fleet is watched.
IDLE_SECONDS = 15.0


def first_task(folder: Path) -> None:
    """Print the seconds to each step on the way to a first task; exit 1 where it took too long."""
    with whole(folder) as fleet:
        fleet.write(*QUEUES)
        fleet.up("--minute", "1h")
        begun = time.monotonic()
        fleet.ops("stack", "apply", "--yes")
        told("ops stack apply of four queues", begun)
        fleet.ops("release", "put")
        fleet.engine()
        keys = fleet.publish("documents", "nap", 0.0)
        told("released and published", begun)
        fleet.wait_done(keys)
        took = told("the first task done", begun)
        fleet.none_left()
    if took > AIM_SECONDS:
        raise SystemExit(f"expected at most {AIM_SECONDS:.0f} s, took {took:.1f} s")


def many(folder: Path, nodes: int, tasks: int) -> None:
    """Print what so many nodes of one queue take and do."""
    with whole(folder) as fleet:
        fleet.write("work", work=f"nodes.max = {nodes}\nconcurrency = 1")
        fleet.up("--minute", "1h")
        fleet.ops("stack", "apply", "--yes")
        fleet.ops("release", "put")
        fleet.ops("scaling", "pin", "work", str(nodes))
        begun = time.monotonic()
        fleet.engine()
        fleet.serving("work", nodes)
        told(f"{nodes} nodes at work", begun)
        idle(fleet)
        begun = time.monotonic()
        keys = fleet.publish("work", "nap", 0.05, count=tasks)
        fleet.wait_done(keys)
        told(f"{tasks} tasks of 50 ms done on {len(set(fleet.places().values()))} nodes", begun)
        fleet.ops("scaling", "pin", "work", "0")
        begun = time.monotonic()
        fleet.none_left("work")
        told("no node left", begun)
        fleet.once_each()


def idle(fleet: Whole) -> None:
    """Print what the fleet takes while it has nothing to do: share of a core, and memory."""
    root = psutil.Process(fleet.json("local", "status")["pid"])
    processes = [root, *root.children(recursive=True)]
    spent = sum(sum(each.cpu_times()[:2]) for each in processes)
    time.sleep(IDLE_SECONDS)
    share = (sum(sum(each.cpu_times()[:2]) for each in processes) - spent) / IDLE_SECONDS
    memory = sum(each.memory_full_info().pss for each in processes)
    print(
        f"{'idle':48} {share * 100:6.1f} % of a core, {len(processes)} processes, "
        f"{memory / 2**20:,.0f} MiB"
    )


def told(what: str, begun: float) -> float:
    """Print how long this took, and return it."""
    took = time.monotonic() - begun
    print(f"{what:48} {took:6.1f} s", flush=True)
    return took


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_fleet")
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=400)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        many(Path(name) / "many", options.nodes, options.tasks)
        first_task(Path(name) / "first")
    return 0


if __name__ == "__main__":
    sys.exit(main())
