"""What a person sees while it runs: a panel on a terminal, a line every few seconds elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from media.demo.crew import Crew
from media.demo.orders import QUEUES
from media.demo.progress import Progress

_LINE_EVERY_SECONDS = 3.0
_PANEL_EVERY_SECONDS = 0.25
_PIPE_WIDTH = 200  # characters: nothing of ours is longer, so nothing is folded
_STYLES = {"SIGKILL": "bold red", "SIGTERM": "bold yellow", "drained": "green", "again": "green"}


class View:
    """Talks on stderr. Times shown are seconds since `begun`, a monotonic time."""

    def __init__(self, begun: float) -> None:
        console = Console(stderr=True, highlight=False)
        self._plain = not console.is_terminal or console.is_dumb_terminal
        self._console = (
            Console(stderr=True, highlight=False, width=_PIPE_WIDTH, soft_wrap=True)
            if self._plain
            else console
        )
        self._begun = begun
        self._last = 0.0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the panel away; what was said stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """Write an event's line."""
        line = Text.assemble((f"{self._seconds():5.1f} s  ", "dim"), text)
        for word, style in _STYLES.items():
            if text.startswith(word):
                line.stylize(style, 9, 9 + len(word))
        self._console.print(line, soft_wrap=True)

    def show(self, crew: Crew, progress: Progress) -> None:
        """Show how far it is, as often as is useful."""
        now = time.monotonic()
        every = _LINE_EVERY_SECONDS if self._plain else _PANEL_EVERY_SECONDS
        if now - self._last < every:
            return
        self._last = now
        if self._plain:
            self.say(_line(progress))
            return
        panel = self._panel(crew, progress)
        if self._live is None:
            self._live = Live(panel, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(panel, refresh=True)

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _panel(self, crew: Crew, progress: Progress) -> Group:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("queue")
        table.add_column("", width=24)
        for column in ("done", "of", "running", "waiting", "submitted", "workers"):
            table.add_column(column, justify="right")
        for queue in QUEUES:
            counts = Counts(progress, crew, queue)
            table.add_row(
                Text(queue, "bold"),
                ProgressBar(total=counts.expected, completed=counts.done, width=24),
                *(
                    str(number)
                    for number in (
                        counts.done,
                        counts.expected,
                        counts.running,
                        counts.waiting,
                        counts.submitted,
                        len(crew.of_queue(queue)),
                    )
                ),
            )
        return Group(Text(), table, Text(f"{self._seconds():5.1f} s", "dim"))


class Counts:
    """A queue's numbers at this moment, in orders."""

    def __init__(self, progress: Progress, crew: Crew, queue: str) -> None:
        own = progress.of_queue(queue)
        self.expected = len(progress.expected(queue))
        self.submitted = sum(state.submitted for state in own.values())
        self.done = progress.ended_count(queue)
        alive = [worker for worker in crew.workers if worker.queue == queue and not worker.gone]
        running = {id_ for worker in alive for id_ in progress.running_on(worker.child.pid)}
        self.running = sum(not own[id_].ended for id_ in running)
        self.waiting = self.submitted - self.done - self.running


def _line(progress: Progress) -> str:
    parts = [
        f"{queue} {progress.ended_count(queue)}/{len(progress.expected(queue))}" for queue in QUEUES
    ]
    return "done: " + ", ".join(parts)
