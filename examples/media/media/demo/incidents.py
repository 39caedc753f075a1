"""What happens to the fleet while it works: a node vanishes, and a worker is killed on another."""

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from media.demo.instances import Instance, Instances
from media.demo.progress import Progress
from media.demo.sums import Incident

# A journal is read ten times a second: a kill that has cut a task is seen to have within this.
_SETTLED_SECONDS = 1.0
_TRIES = 4


def words(ids: Sequence[str]) -> str:
    """Return at most three names, and how many more there are."""
    if not ids:
        return "nothing"
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return ", ".join(ids[:3]) + more


@dataclass
class Blow(ABC):
    """Strikes a node of `queue` in the middle of a task, once `share` of the work is done.

    Where it was between two tasks after all, another one is struck. `begun` is a monotonic time.
    """

    queue: str
    share: float
    begun: float
    say: Callable[[str], None]
    struck: list[Incident] = field(default_factory=list)
    _over: bool = False
    _at: float = 0.0
    _seen_again: set[str] = field(default_factory=set)

    def step(self, instances: Instances, progress: Progress) -> None:
        """Do what is due now. Raises OpsError."""
        settled = time.monotonic() - self._at > _SETTLED_SECONDS
        if not self._over and settled:
            if self.struck and (
                progress.running_on(self.struck[-1].worker) or len(self.struck) == _TRIES
            ):
                self._over = True
            else:
                if self.struck and not self._seen_again:
                    self.say("  it was between two tasks: again")
                self._strike(instances, progress)
        for one in self.struck:
            self._watch(progress, one)

    @abstractmethod
    def carry_out(self, instances: Instances, victim: Instance, worker: int) -> str:
        """Strike the victim, whose worker has this process id, and say so in words."""

    def _strike(self, instances: Instances, progress: Progress) -> None:
        if progress.ended_count(self.queue) < self.share * len(progress.expected(self.queue)):
            return
        busy = [
            (_middle(progress, worker), one, worker)
            for one in instances.here()
            if one.queue == self.queue
            and (worker := progress.worker_of(one.id)) is not None
            and progress.running_on(worker)
        ]
        if not busy:
            return
        # The most tasks, and the youngest: the surest to be in the middle of them.
        _, victim, worker = max(busy, key=lambda each: each[0])
        cut = words(progress.running_on(worker))
        self._at, epoch = time.monotonic(), time.time()
        told = self.carry_out(instances, victim, worker)
        self.struck.append(
            Incident(self.kind, victim.id, worker, self.queue, self._at - self.begun, epoch)
        )
        self.say(told.format(cut=cut))

    @property
    @abstractmethod
    def kind(self) -> str:
        """What is struck: node or worker."""

    def _watch(self, progress: Progress, one: Incident) -> None:
        for id_ in progress.running_on(one.worker):
            later = [run for run in progress.states[id_].runs if run.worker != one.worker]
            if later and id_ not in self._seen_again:
                self._seen_again.add(id_)
                self.say(f"again    {id_}, {later[0].started_at - one.epoch:.1f} s after that")


@dataclass
class Vanish(Blow):
    """The node's machine is gone, with all that ran on it."""

    @property
    def kind(self) -> str:
        """What is struck."""
        return "node"

    def carry_out(self, instances: Instances, victim: Instance, worker: int) -> str:
        """Have the machine vanish."""
        instances.vanish(victim)
        return f"VANISHED {victim.id} ({victim.queue}), in the middle of {{cut}}"


@dataclass
class Kill(Blow):
    """The node's worker gets SIGKILL: its parent process alone, as the kernel may."""

    @property
    def kind(self) -> str:
        """What is struck."""
        return "worker"

    def carry_out(self, instances: Instances, victim: Instance, worker: int) -> str:
        """Send the signal, unless the process is another's by now."""
        with contextlib.suppress(OSError):
            environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
            if any(
                e.startswith(b"FLEET_ROOT=") and e.endswith(victim.id.encode()) for e in environment
            ):
                os.kill(worker, signal.SIGKILL)
        return (
            f"SIGKILL  the worker (pid {worker}) of {victim.id} ({victim.queue}), in the middle of "
            "{cut}; its unit starts another"
        )


def _middle(progress: Progress, worker: int) -> tuple[int, float]:
    starts = [
        run.started_at
        for id_ in progress.running_on(worker)
        for run in progress.states[id_].runs
        if run.worker == worker and run.state is None
    ]
    return len(starts), max(starts)
