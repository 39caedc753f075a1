"""Progress of work that counts into the hundred thousands, and of what only waits."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ops.cli.output import EVERY_SECONDS, QUIET_SECONDS, progress, repeating, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@contextmanager
def counting(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show on stderr how many of `total` (None: not known) are done; yields what to tell it to.

    A terminal gets a bar that goes away at the end; anything else a line now and then, once the
    work has taken two seconds.
    """
    if sys.stderr.isatty():
        with _bar(label, total) as update:
            yield update
        return
    next_line = time.monotonic() + QUIET_SECONDS

    def line(done: int) -> None:
        nonlocal next_line
        if time.monotonic() > next_line:
            say(f"{label}: {done}{'' if total is None else f' of {total}'} done")
            next_line = time.monotonic() + EVERY_SECONDS

    yield line


@contextmanager
def waiting(label: str, for_what: Callable[[], str]) -> Iterator[None]:
    """Say on stderr what is waited for, once it has taken two seconds, and now and then after.

    `for_what` is asked in a thread of its own; nothing is said while it returns "".
    """

    def line() -> str:
        what = for_what()
        return f"{label}: waiting for {what}" if what else ""

    with repeating(line):
        yield


@contextmanager
def until_progress(label: str, what: str) -> Iterator[Progress]:
    """Say what is waited for, as `waiting` does, until there is progress to show.

    Yields what shows it, as `ops.cli.output.progress` does.
    """
    going = [what]

    def begins(name: str, total: int) -> AbstractContextManager[Callable[[str], None]]:
        going.clear()
        return progress(name, total)

    with waiting(label, lambda: "".join(going.copy())):
        yield begins


@contextmanager
def _bar(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
