"""What a person sees while it runs: a panel on a terminal, a line every few seconds elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from media.demo.decisions import STATES, Decisions, nodes_by_state
from media.demo.orders import QUEUES
from media.demo.progress import Progress

_LINE_EVERY_SECONDS = 3.0
_PANEL_EVERY_SECONDS = 0.25
_PIPE_WIDTH = 200  # characters: nothing of ours is longer, so nothing is folded
_WIDE = 114  # characters: what the panel takes with its bar and the nodes by state
_STYLES = {
    "VANISHED": "bold red",
    "SIGKILL": "bold red",
    "again": "green",
    "joined": "cyan",
    "left": "cyan",
    "engine": "magenta",
}
_UNKNOWN = "?"


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
        self._said = ""
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

    def show(self, progress: Progress, decisions: Decisions) -> None:
        """Show how far it is, as often as is useful."""
        now = time.monotonic()
        every = _LINE_EVERY_SECONDS if self._plain else _PANEL_EVERY_SECONDS
        if now - self._last < every:
            return
        self._last = now
        if self._plain:
            line = _line(progress, decisions)
            if line != self._said:
                self.say(line)
            self._said = line
            return
        panel = self._panel(progress, decisions)
        if self._live is None:
            self._live = Live(panel, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(panel, refresh=True)

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _panel(self, progress: Progress, decisions: Decisions) -> Group:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("queue")
        wide = self._console.width >= _WIDE
        if wide:
            table.add_column("", width=20)
        for column in ("done", "of", "waiting", "in flight", "oldest", *(STATES if wide else ())):
            table.add_column(column, justify="right")
        for queue in QUEUES:
            done, expected = progress.ended_count(queue), len(progress.expected(queue))
            seen = _seen(decisions, queue, progress.oldest_seconds(queue, time.time()))
            table.add_row(
                Text(queue, "bold"),
                *([ProgressBar(total=expected, completed=done, width=20)] if wide else []),
                str(done),
                str(expected),
                *(seen if wide else seen[: -len(STATES)]),
            )
        said = [Text(words, "dim", no_wrap=True, overflow="ellipsis") for words in decisions.words]
        clock = Text(f"{self._seconds():5.1f} s", "dim")
        return Group(
            Text(), table, Text(), Text("the engine's last decisions", "dim"), *said, clock
        )


def _seen(decisions: Decisions, queue: str, oldest_seconds: float | None) -> list[str]:
    """Return what the engine saw of a queue last; what it does not know is `?`."""
    age = "-" if oldest_seconds is None else f"{oldest_seconds:.0f} s"
    recorded = decisions.last.get(queue)
    if recorded is None:
        return [_UNKNOWN, _UNKNOWN, age, *([_UNKNOWN] * len(STATES))]
    snapshot = recorded.snapshot
    counts = snapshot.counts.value
    nodes = nodes_by_state(snapshot)
    return [
        _UNKNOWN if counts is None else str(counts.visible),
        _UNKNOWN if counts is None else str(counts.in_flight),
        age,
        *(_UNKNOWN if nodes is None else str(nodes[state]) for state in STATES),
    ]


def _line(progress: Progress, decisions: Decisions) -> str:
    parts = []
    for queue in QUEUES:
        recorded = decisions.last.get(queue)
        nodes = None if recorded is None else nodes_by_state(recorded.snapshot)
        there = _UNKNOWN if nodes is None else str(nodes.total())
        done, expected = progress.ended_count(queue), len(progress.expected(queue))
        parts.append(f"{queue} {done}/{expected} on {there}")
    return "done, on nodes: " + ", ".join(parts)
