"""``python -m benchmarks.scaling_decide``: `decide` for 50 and for 500 queues, one pass over all.

Queues as a fleet has them, from a fixed seed: many are small or quiet, some keep forty nodes at
work, and some get their work in clumps. They have watched themselves for a day, so that run times,
boots and arrivals are known, and live on from tick to tick: tasks come, start and end, and what was
decided is done. Only the deciding is measured. Printed are the best, the middle and the worst
pass, what one queue takes, and where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ops.scaling.decide import TICK_SECONDS, decide
from ops.scaling.decision import Decision
from ops.scaling.memory import Memory
from ops.scaling.model import (
    Forget,
    Instance,
    Launch,
    Lifecycle,
    Node,
    Pause,
    QueueSnapshot,
    Replace,
    Resume,
    Terminate,
    Wanted,
)
from ops.scaling.settings import Settings, Window
from tests.unit.scaling_parts import NOW, group_of, snapshot_of

#: The aims: milliseconds for one pass over so many queues.
AIMS = {50: 5.0, 500: 50.0}
PASSES = 40
SLOTS = 4
SERVICE_SECONDS = 90.0
BOOT_SECONDS = 150.0
#: Ticks before the first that is measured.
WATCHED = 60
_WINDOW = Window("0 8 * * MON-FRI", "0 18 * * MON-FRI", "America/New_York", minimum=2)


@dataclass
class Queue:
    """One queue, its nodes and its tasks, on from tick to tick."""

    settings: Settings
    load: float
    """Slots at work on average."""
    clump: int
    """Tasks that come at a time."""
    random: random.Random
    memory: Memory
    nodes: dict[str, Node] = field(default_factory=dict)
    booting: dict[str, float] = field(default_factory=dict)
    visible: int = 0
    launched: int = 0

    def lives_until(self, now: float) -> QueueSnapshot:
        """Let a tick pass and return what is found at its end."""
        r = self.random
        for id in [id for id, ready in self.booting.items() if ready <= now]:
            del self.booting[id]
            self.nodes[id] = Node(id, 0, SLOTS, now, joined_at=now)
        clumps = self.load * TICK_SECONDS / SERVICE_SECONDS / self.clump
        self.visible += self.clump * sum(r.random() < clumps / 20 for _ in range(20))
        for id, node in self.nodes.items():
            self.nodes[id] = self._lives(node, now)
        nodes = [*self.nodes.values()]
        booting = [Instance(id, Lifecycle.PENDING) for id in self.booting]
        return snapshot_of(
            nodes,
            self.visible,
            group=group_of([*nodes, *booting], maximum=300),
            now=now,
            oldest=70.0 if self.visible else None,
        )

    def _lives(self, node: Node, now: float) -> Node:
        """Its tasks end, it takes what waits if it receives, and confirms if it is to pause."""
        r = self.random
        running: list[float] = []
        done: list[float] = []
        for at in node.started:
            ends = r.random() < TICK_SECONDS / SERVICE_SECONDS
            (done if ends else running).append(at)
        pauses = node.wanted is Wanted.PAUSE
        takes = 0 if pauses else min(self.visible, node.slots - len(running))
        self.visible -= takes
        running += [round(now - TICK_SECONDS * r.random(), 3) for _ in range(takes)]
        ended = round(now - 1, 3)
        return replace(
            node,
            said_at=now - 5,
            busy=len(running),
            paused=pauses,
            confirmed=node.token if pauses and not running else "",
            started=tuple(sorted(running)),
            recent=(*node.recent, *((ended, ended - at) for at in done))[-32:],
            begun=node.begun + takes,
        )

    def does(self, decision: Decision, now: float) -> None:
        """Do what was decided."""
        for action in decision.actions:
            match action:
                case Launch():
                    for _ in range(action.nodes):
                        self.launched += 1
                        id = f"i-{self.settings.queue}-{self.launched:010d}"
                        self.booting[id] = now + BOOT_SECONDS
                case Pause(id, token):
                    self._wants(id, Wanted.PAUSE, token)
                case Resume(id, token):
                    self._wants(id, Wanted.RUN, token)
                case Terminate(id) | Replace(id):
                    del self.nodes[id]
                case Forget():
                    pass

    def _wants(self, id: str, wanted: Wanted, token: str) -> None:
        self.nodes[id] = replace(self.nodes[id], wanted=wanted, token=token, confirmed="")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling_decide")
    parser.add_argument("--queues", type=int, nargs="+", default=list(AIMS))
    parser.add_argument("--passes", type=int, default=PASSES)
    options = parser.parse_args(arguments)
    head = ("aim ms", "best", "median", "worst")
    print(
        f"{'queues':>6} {'nodes':>6} {' '.join(f'{name:>7}' for name in head)} {'µs a queue':>11}"
    )
    missed = 0
    for number in options.queues:
        queues = made(number)
        took = measure(queues, options.passes)
        middle, worst = statistics.median(took), max(took)
        aim = AIMS.get(number, number / 10)
        nodes = sum(len(queue.nodes) for queue in queues)
        print(
            f"{number:>6} {nodes:>6} {aim:>7.0f} {min(took):>7.2f} {middle:>7.2f} {worst:>7.2f} "
            f"{1000 * middle / number:>11.0f}  {'met' if middle <= aim else 'MISSED'}"
        )
        missed += middle > aim
    _show_hot(made(max(options.queues)))
    return 1 if missed else 0


def made(number: int) -> list[Queue]:
    """Return so many queues that have lived for some ticks."""
    queues = [_made(index) for index in range(number)]
    measure(queues, WATCHED, NOW - WATCHED * TICK_SECONDS)
    return queues


def _made(index: int) -> Queue:
    r = random.Random(index)
    settings = Settings(
        f"{index:05d}",
        SLOTS,
        start_within_seconds=r.choice((300.0, 300.0, 60.0)),
        policies=frozenset(r.choice((("age",), ("age",), ("depth",)))),
        windows=(_WINDOW,) if r.random() < 0.25 else (),
    )
    memory = Memory(boots=[round(r.uniform(130, 170), 1) for _ in range(10)])
    memory.durations.add(
        (NOW - 86_400 + 60 * n, r.expovariate(1 / SERVICE_SECONDS)) for n in range(1_000)
    )
    nodes = r.choice((0, 0, 0, 0.5, 0.5, 1, 1, 2, 2, 3, 4, 6, 8, 15, 40))
    return Queue(settings, SLOTS * nodes, r.choice((1, 1, 1, 5, 40)), r, memory)


def measure(queues: list[Queue], passes: int, begin: float = NOW) -> list[float]:
    """Return what each pass took, in milliseconds."""
    took = []
    for number in range(passes):
        now = begin + number * TICK_SECONDS
        snapshots = [queue.lives_until(now) for queue in queues]
        gc.collect()
        begun = time.perf_counter()
        decisions = _decide(queues, snapshots)
        took.append(1000 * (time.perf_counter() - begun))
        for queue, decision in zip(queues, decisions, strict=True):
            queue.does(decision, now)
    return took


def _decide(queues: list[Queue], snapshots: list[QueueSnapshot]) -> list[Decision]:
    return [
        decide(snapshot, queue.settings, queue.memory, "t1")
        for queue, snapshot in zip(queues, snapshots, strict=True)
    ]


def _show_hot(queues: list[Queue]) -> None:
    """Print the functions in which the time of a pass goes; under the profiler it takes longer."""
    snapshots = [queue.lives_until(NOW) for queue in queues]
    profile = cProfile.Profile()
    profile.runcall(_decide, queues, snapshots)
    stats = pstats.Stats(profile)
    rows: list[tuple[float, int, str]] = []
    found: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    found = stats.stats  # type: ignore[attr-defined]
    for (file, _, name), (_, calls, own, _, _) in found.items():
        rows.append((own, calls, f"{file.rpartition('/')[2]}:{name}" if file != "~" else name))
    total = sum(own for own, _, _ in rows)
    print("\nwhere the time goes")
    for own, calls, name in sorted(rows, reverse=True)[:8]:
        print(f"{100 * own / total:>5.0f} %  {calls:>7} calls  {name}")


if __name__ == "__main__":
    sys.exit(main())
