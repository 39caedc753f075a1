"""How `ops` speaks: results on stdout, talk on stderr, colours only where they are wanted."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Wider than any line of ours: what is piped is never wrapped or cut.
_PIPE_WIDTH_CHARACTERS = 100_000
#: Work that takes longer says how far it is, and so often.
QUIET_SECONDS = 2.0
EVERY_SECONDS = 5.0


def say(text: str) -> None:
    """Write a line of talk to stderr; where that takes nothing, no work is stopped by it."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def print_line(text: str) -> None:
    """Write a line of the result to stdout."""
    click.echo(text)


def print_json(value: Any) -> None:
    """Write the whole result to stdout as one JSON document."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        # A task's own result may have what Python reads and writes, and JSON has not (RFC 8259, 6).
        text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    # Half of a surrogate pair, which JSON may carry and UTF-8 may not, is escaped as JSON does.
    click.echo(text.encode(errors="backslashreplace").decode())


def _finite(value: Any) -> Any:
    """Return it with the texts NaN, Infinity and -Infinity for such numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


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
def repeating(line: Callable[[], str]) -> Iterator[None]:
    """Say a line on stderr once the work has taken two seconds, and now and then after.

    `line` is asked in a thread of its own; nothing is said while it returns "".
    """
    over = threading.Event()

    def talk() -> None:
        pause = QUIET_SECONDS
        while not over.wait(pause):
            if text := line():
                say(text)
            pause = EVERY_SECONDS

    thread = threading.Thread(target=talk, name="talk", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show how far work of `total` steps is, on stderr; yields what to call before each step.

    A terminal gets a bar that goes away at the end; anything else a line a step, once the work has
    taken two seconds, and again while a step takes longer.
    """
    if sys.stderr.isatty():
        with _bar(label, total) as step:
            yield step
        return
    begun = time.monotonic()
    names: list[str] = []

    def line(step_name: str) -> None:
        names.append(step_name)
        if time.monotonic() - begun > QUIET_SECONDS:
            say(_now(label, names, total))

    # With no step, as where there is nothing to do, there is nothing to wait for.
    with repeating(lambda: _now(label, names.copy(), total) if total else ""):
        yield line


def _now(label: str, names: Sequence[str], total: int) -> str:
    if not names:
        return f"{label}: 0 of {total} done"
    return f"{label}: {len(names) - 1} of {total} done, now {names[-1]}"


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
