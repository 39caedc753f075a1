"""Ending on a user's mistake: one line and exit status 2 under a command, else an exception."""

from __future__ import annotations

import sys
from typing import NoReturn


class Refusal(Exception):
    """A mistake in a manifest, an import or a command line; the text is one line."""


def refuse(line: str) -> NoReturn:
    """End with ``line``.

    Under the ``celery`` command it goes to stderr and the process ends with status 2: an
    exception would end in a traceback, or, while Celery looks for its configuration, in a
    worker connected to a broker on localhost. In any other program (a producer that loads the
    settings) it is raised as ``Refusal``.
    """
    # The module of the command line itself; programs that only use Celery do not load it.
    if "celery.bin.celery" not in sys.modules:
        raise Refusal(line)
    print(line, file=sys.stderr)  # noqa: T201
    raise SystemExit(2)


def in_one_line(text: str) -> str:
    """Return the first line of ``text`` and how many follow it."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    more = f" (and {len(lines) - 1} more: ops manifest check)" if len(lines) > 1 else ""
    return lines[0] + more
