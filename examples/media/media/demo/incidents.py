"""What happens to the workers while they work: one is killed, another is told to drain."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from media.demo.crew import Crew, Worker
from media.demo.progress import Progress

# A journal is read ten times a second: a kill that has cut a task is seen to have within this.
_SETTLED_SECONDS = 1.0


def words(ids: Sequence[str]) -> str:
    """Return at most three names, and how many more there are."""
    if not ids:
        return "nothing"
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return ", ".join(ids[:3]) + more


@dataclass
class Kill:
    """SIGKILL for a worker of `queue` in the middle of a task, once `share` of the work is done.

    Where it was between two tasks after all, another worker is killed.
    """

    queue: str
    share: float
    _victim: Worker | None = None
    _over: bool = False
    _seen_again: set[str] = field(default_factory=set)

    def step(self, crew: Crew, progress: Progress) -> None:
        """Do what is due now."""
        if self._victim is None:
            self._strike(crew, progress)
        elif not self._over and time.monotonic() - self._victim.told_at > _SETTLED_SECONDS:
            self._over = True
            if not progress.running_on(self._victim.child.pid):
                crew.say("  it was between two tasks: another one")
                self._victim, self._over = None, False
        if self._victim is not None:
            self._watch(crew, progress, self._victim)

    def _strike(self, crew: Crew, progress: Progress) -> None:
        if progress.ended_count(self.queue) < self.share * len(progress.expected(self.queue)):
            return
        busy = [w for w in crew.of_queue(self.queue) if progress.running_on(w.child.pid)]
        if not busy:
            return
        # The most tasks, and the youngest: the surest to be in the middle of them.
        victim = max(busy, key=lambda worker: _middle(progress, worker))
        cut = progress.running_on(victim.child.pid)
        crew.tell(victim, signal.SIGKILL)
        self._victim = victim
        successor = crew.hire(self.queue)
        crew.say(
            f"SIGKILL  {victim.child.name} (pid {victim.child.pid}), in the middle of "
            f"{words(cut)}; {successor.child.name} takes its place"
        )

    def _watch(self, crew: Crew, progress: Progress, victim: Worker) -> None:
        for id_ in progress.running_on(victim.child.pid):
            later = [run for run in progress.states[id_].runs if run.worker != victim.child.pid]
            if later and id_ not in self._seen_again:
                self._seen_again.add(id_)
                after_seconds = (
                    later[0].started_at - time.time() + (time.monotonic() - victim.told_at)
                )
                crew.say(f"again    {id_}, {after_seconds:.1f} s after the kill")


@dataclass
class Drain:
    """SIGTERM for a worker of `queue`, once `share` of the work is done."""

    queue: str
    share: float
    _victim: Worker | None = None
    _said: bool = False

    def step(self, crew: Crew, progress: Progress) -> None:
        """Do what is due now."""
        if self._victim is None:
            self._tell(crew, progress)
        elif self._victim.gone and not self._said:
            self._said = True
            gone = next(d for d in crew.departures if d.pid == self._victim.child.pid)
            crew.say(
                f"drained  {gone.worker}: finished what it ran, gave back what waited, "
                f"left after {gone.took:.1f} s with status {gone.exit_status}"
            )

    def _tell(self, crew: Crew, progress: Progress) -> None:
        ended, expected = progress.ended_count(self.queue), len(progress.expected(self.queue))
        workers = crew.of_queue(self.queue)
        if ended < self.share * expected or not workers:
            return
        busy = [worker for worker in workers if progress.running_on(worker.child.pid)]
        if not busy and ended < expected:
            return
        victim = self._victim = (busy or workers)[0]
        running = progress.running_on(victim.child.pid)
        crew.tell(victim, signal.SIGTERM)
        successor = crew.hire(self.queue)
        crew.say(
            f"SIGTERM  {victim.child.name} (pid {victim.child.pid}), while it runs "
            f"{words(running)}; {successor.child.name} takes its place"
        )


def _middle(progress: Progress, worker: Worker) -> tuple[int, float]:
    starts = [
        run.started_at
        for id_ in progress.running_on(worker.child.pid)
        for run in progress.states[id_].runs
        if run.worker == worker.child.pid and run.state is None
    ]
    return len(starts), max(starts)
