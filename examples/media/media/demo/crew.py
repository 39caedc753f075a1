"""The demo's workers: who runs, who was made to leave, and who takes their places."""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from media.demo.sums import Departure
from ops.errors import OpsError
from ops.local.process import Child
from ops.local.workers import start_worker

_REFUSED = 2  # a worker's exit status when the manifest or the command line cannot be used
_UNASKED_AT_MOST = 3


@dataclass
class Worker:
    """A worker process; `told` is the signal it was sent, at `told_at` (monotonic seconds).

    `final` is whether it was told because all work was done.
    """

    queue: str
    child: Child
    told: signal.Signals | None = None
    told_at: float = 0.0
    final: bool = False
    gone: bool = False


@dataclass
class Crew:
    """All workers of the demo. `say` is called with an event's words; `begun` is monotonic."""

    env: Mapping[str, str]
    folder: Path
    begun: float
    say: Callable[[str], None]
    workers: list[Worker] = field(default_factory=list)
    departures: list[Departure] = field(default_factory=list)
    _unasked: int = 0

    def hire(self, queue: str) -> Worker:
        """Start a worker of a queue. Raises OSError."""
        number = 1 + sum(worker.queue == queue for worker in self.workers)
        name = f"{queue}-{number}"
        log = self.folder / "logs" / f"{name}.log"
        child = start_worker(queue, env=self.env, cwd=self.folder, log=log, name=name)
        worker = Worker(queue, child)
        self.workers.append(worker)
        return worker

    def of_queue(self, queue: str) -> list[Worker]:
        """Return the workers of a queue that run and were not told to leave."""
        return [w for w in self.workers if w.queue == queue and w.told is None and not w.gone]

    def tell(self, worker: Worker, number: signal.Signals) -> None:
        """Send a worker SIGKILL or SIGTERM: its parent process alone, as the kernel may."""
        worker.told, worker.told_at = number, time.monotonic()
        worker.child.signal(number)

    def dismiss(self) -> None:
        """Send every worker that stays SIGTERM: all work is done."""
        for worker in self.workers:
            if worker.told is None and not worker.gone:
                worker.final = True
                self.tell(worker, signal.SIGTERM)

    def look(self) -> None:
        """Note who has left since the last call, and replace who left unasked.

        Raises OpsError where workers do not stay.
        """
        for worker in self.workers:
            if worker.gone or worker.child.running():
                continue
            worker.gone = True
            if worker.told is None:
                self._left_unasked(worker)
            else:
                self.departures.append(self._departure(worker, worker.told))

    def _left_unasked(self, worker: Worker) -> None:
        child, status = worker.child, worker.child.process.returncode
        self._unasked += 1
        if status == _REFUSED or self._unasked > _UNASKED_AT_MOST:
            raise OpsError(
                f"worker {child.name}: expected it to run, it left with status {status}: "
                f"{child.last_line()}: see {child.log}"
            )
        successor = self.hire(worker.queue)
        self.say(
            f"{child.name} (pid {child.pid}) left by itself with status {status}; "
            f"{successor.child.name} takes its place; see {child.log.name}"
        )

    def _departure(self, worker: Worker, told: signal.Signals) -> Departure:
        now = time.monotonic()
        return Departure(
            worker=worker.child.name,
            pid=worker.child.pid,
            queue=worker.queue,
            signal=told.name,
            at=worker.told_at - self.begun,
            epoch=time.time() - (now - worker.told_at),
            exit_status=worker.child.process.returncode,
            took=now - worker.told_at,
            final=worker.final,
        )

    def all_gone(self) -> bool:
        """Whether no worker is left."""
        self.look()
        return all(worker.gone for worker in self.workers)

    def end(self) -> None:
        """Kill whoever is left."""
        for worker in self.workers:
            worker.child.end()
