"""How `ops` speaks: results on stdout, talk on stderr, colours only where they are wanted."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Wider than any line of ours: what is piped is never wrapped or cut.
_PIPE_WIDTH_CHARACTERS = 100_000
_QUIET_SECONDS = 2.0


def say(text: str) -> None:
    """Write a line of talk to stderr."""
    click.echo(text, err=True)


def print_line(text: str) -> None:
    """Write a line of the result to stdout."""
    click.echo(text)


def print_json(value: Any) -> None:
    """Write the whole result to stdout as one JSON document."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # Half of a surrogate pair, which JSON may carry and UTF-8 may not, is escaped as JSON does.
    click.echo(text.encode(errors="backslashreplace").decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write an aligned table to stdout; cells are plain text, folded only on a narrow terminal.

    Control characters in a cell are shown escaped: names and errors come off the wire, and must
    neither break a row nor steer the terminal.
    Rich leaves colours out by itself where NO_COLOR is set or stdout is no terminal.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_visible(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH_CHARACTERS
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), color=True)


def _visible(cell: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in cell)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show how far work of `total` steps is, on stderr; yields what to call before each step.

    A terminal gets a bar that goes away at the end; anything else a line a step, once the work has
    taken two seconds.
    """
    if sys.stderr.isatty():
        with _bar(label, total) as step:
            yield step
        return
    begun = time.monotonic()
    done = 0

    def line(step_name: str) -> None:
        nonlocal done
        if time.monotonic() - begun > _QUIET_SECONDS:
            say(f"{label}: {done} of {total} done, now {step_name}")
        done += 1

    yield line


@contextmanager
def _bar(label: str, total: int) -> Iterator[Callable[[str], None]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        done = -1

        def step(step_name: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=f"{label}: {step_name}")

        yield step
