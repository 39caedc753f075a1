"""The fleet while it works: it is watched, and some of it is ended, until all work is done."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from media.demo.decisions import Decisions
from media.demo.incidents import Blow
from media.demo.instances import Instances
from media.demo.leftovers import Leftovers
from media.demo.orders import QUEUES
from media.demo.programs import succeeded
from media.demo.progress import Journal, Progress
from media.demo.stopping import Stop
from media.demo.view import View
from ops.errors import OpsError
from ops.local.process import Child

_TICK_SECONDS = 0.1
# No start and no end of a task for this long: nothing more is to come, and no node leaves.
_STILL_SECONDS = 180.0


@dataclass
class Show:
    """The fleet while it is watched: what there is to look at, and what is done to it."""

    progress: Progress
    journal: Journal
    decisions: Decisions
    instances: Instances
    blows: tuple[Blow, ...]
    engine: Child
    stop: Stop
    view: View
    _news_at: float = 0.0

    def work(self, producer: Child, leftovers: Leftovers) -> None:
        """See all work done, while nodes come and go, until nothing is left in a queue.

        A message whose worker was killed before it could delete it comes back, and is run again.
        """

        def more() -> bool:
            if not producer.running():
                succeeded(producer)
            return (
                producer.running()
                or not self.progress.all_ended(QUEUES)
                or any(leftovers.left().values())
            )

        self._watch(more)

    def empty(self) -> None:
        """See every node leave, until none is there."""
        self._watch(lambda: bool(self.instances.here()))

    def _watch(self, more: Callable[[], bool]) -> None:
        self._news_at = time.monotonic()
        while more():
            self.stop.check()
            self._look()
            self.view.show(self.progress, self.decisions)
            if time.monotonic() - self._news_at > _STILL_SECONDS:
                self.view.say(f"nothing has happened for {_STILL_SECONDS:.0f} s: giving up")
                break
            time.sleep(_TICK_SECONDS)

    def _look(self) -> None:
        if not self.engine.running():
            raise OpsError(
                f"engine: expected it to run, it ended: {self.engine.last_line()}: "
                f"see {self.engine.log}"
            )
        for line in self.journal.new_lines():
            self.progress.apply(line)
            self._news_at = time.monotonic()
        self.instances.look()
        for words in self.decisions.look():
            self.view.say(f"engine   {words}")
        for blow in self.blows:
            blow.step(self.instances, self.progress)
