"""What the demo says at its end: the table, what happened, and where things lie."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from media.demo.deliveries import Deliveries
from media.demo.happenings import happenings, size_text
from media.demo.orders import Order
from media.demo.sums import QueueSums, Sums

_PIPE_WIDTH = 140  # characters


def as_data(sums: Sums, folder: Path, seconds: float) -> dict[str, object]:
    """Return the sums as JSON-ready data; waits and times in seconds."""
    return {
        "good": sums.good,
        "lost": sums.lost,
        "seconds": round(seconds, 1),
        "folder": str(folder),
        "queues": {queue.queue: asdict(queue) for queue in sums.queues},
        "incidents": [asdict(incident) for incident in sums.incidents],
        "nodes": [asdict(stay) for stay in sums.stays],
        "later": [asdict(one) for one in sums.later],
        "unexpected_dead_letters": [asdict(letter) for letter in sums.unexpected],
    }


class Report:
    """Prints the end of a demo in `folder` to stdout."""

    def __init__(
        self, sums: Sums, orders: Mapping[str, Order], deliveries: Deliveries, folder: Path
    ) -> None:
        self._sums = sums
        self._orders = orders
        self._deliveries = deliveries
        self._folder = folder
        console = Console(highlight=False)
        self._console = (
            console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)
        )

    def print(self, seconds: float) -> None:
        """Print all of it; `seconds` is how long the demo took."""
        self._console.print()
        self._print_table(self._table())
        self._console.print()
        for line in happenings(self._sums, self._orders, self._deliveries):
            text = Text.assemble((f"{line.word:9}", line.style), line.text)
            self._console.print(text, soft_wrap=True)
        self._console.print()
        self._console.print(Text(f"In {self._folder}:"), soft_wrap=True)
        self._print_table(self._places())
        self._console.print()
        self._console.print(self._verdict(seconds), soft_wrap=True)

    def _print_table(self, table: Table) -> None:
        with self._console.capture() as captured:
            self._console.print(table)
        for line in captured.get().splitlines():
            self._console.file.write(f"{line.rstrip()}\n")

    def _table(self) -> Table:
        """Return the sums, a row a queue, or a column a queue where that is too wide."""
        rows = [self._names(), *map(_numbers, self._sums.queues), self._all()]
        table = _aligned(rows)
        options = self._console.options.update(width=_PIPE_WIDTH)
        if Measurement.get(self._console, options, table).maximum > self._console.width:
            return _aligned([list(column) for column in zip(*rows, strict=True)], gap=2)
        return table

    @staticmethod
    def _names() -> list[Text]:
        return [
            Text(name, "bold")
            for name in (
                *("queue", "submitted", "finished", "lost", "run twice", "dead letters"),
                *("wait p50", "wait p99", "nodes", "node time", "pure work"),
            )
        ]

    def _all(self) -> list[Text]:
        queues = self._sums.queues
        return [
            Text("all", "bold"),
            Text(str(sum(queue.submitted for queue in queues))),
            Text(str(sum(queue.finished for queue in queues))),
            Text(str(self._sums.lost), "bold red" if self._sums.lost else "bold green"),
            Text(str(sum(len(queue.run_twice) for queue in queues))),
            Text(str(sum(len(queue.dead) for queue in queues))),
            *(Text(), Text()),
            Text(str(sum(queue.nodes for queue in queues))),
            Text(_whole_seconds(sum(queue.node_seconds for queue in queues))),
            Text(_whole_seconds(sum(queue.work_seconds for queue in queues))),
        ]

    # -- where things lie ------------------------------------------------------------------------

    def _places(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
        kinds = Counter(
            json.loads(path.read_text(encoding="utf-8"))["kind"]
            for path in (self._folder / "documents").glob("*.json")
        )
        twice = sum(count - 1 for count in self._deliveries.mails.values())
        doubles = f", {twice} delivered twice" if twice else ", each delivered once"
        for name, pattern, what in (
            ("out/video/clips", "*.mp4", "clips with posters"),
            ("out/statements", "*/*.pdf", "PDF statements"),
            ("mails", "*.eml", f"mails{doubles}"),
            ("documents", "*.json", "scans: " + ", ".join(f"{n} {k}" for k, n in kinds.items())),
            ("logs", "*.log", "logs, one a program"),
            ("fleet/nodes", "*/log/*.log", "logs of nodes' units"),
        ):
            files = list((self._folder / name).glob(pattern))
            table.add_row(name, _total(files), f"{len(files)} {what}")
        return table

    def _verdict(self, seconds: float) -> Text:
        tasks = sum(queue.submitted for queue in self._sums.queues)
        took = f"{tasks} tasks in {seconds:.0f} s"
        if self._sums.good:
            return Text(f"Nothing was lost: {took}.", "bold green")
        if self._sums.lost:
            return Text(f"{self._sums.lost} of {took} LOST.", "bold red")
        return Text(f"Nothing was lost, but not all is well: {took}.", "bold red")


def _numbers(queue: QueueSums) -> list[Text]:
    numbers = (len(queue.lost), len(queue.run_twice), len(queue.dead))
    styles = ("bold red", "yellow", "yellow")
    return [
        Text(queue.queue, "bold"),
        Text(str(queue.submitted)),
        Text(str(queue.finished)),
        *(
            Text(str(number), style if number else "")
            for number, style in zip(numbers, styles, strict=True)
        ),
        Text(_seconds(queue.wait_p50)),
        Text(_seconds(queue.wait_p99)),
        Text(str(queue.nodes)),
        Text(_whole_seconds(queue.node_seconds)),
        Text(_whole_seconds(queue.work_seconds)),
    ]


def _aligned(rows: Sequence[Sequence[Text]], gap: int = 3) -> Table:
    """Return a table whose first row and column are names."""
    first, *rest = rows
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for number, name in enumerate(first):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rest:
        table.add_row(*row)
    return table


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _whole_seconds(seconds: float) -> str:
    return f"{seconds:.0f} s"


def _total(files: Iterable[Path]) -> str:
    return size_text(sum(file.stat().st_size for file in files))
