"""A journal's lines from a file, compressed or not, or from stdin; bounded, whatever it holds."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from ops.errors import Exit, OpsError
from ops.scaling.journal_file import files
from ops.scaling.journal_reader import LINE_AT_MOST_BYTES

STDIN: Final = "-"
_GZIP: Final = b"\x1f\x8b"


def lines(place: str) -> Iterator[str]:
    """Yield the lines of a file, or of stdin for `-`; one that is torn or too long is cut.

    Raises OpsError where it cannot be read.
    """
    with _opened(place) as file:
        try:
            yield from _lines(file)
        except (OSError, EOFError, zlib.error) as error:
            # What is torn at its end is still a journal up to there.
            yield f"(not read further: {str(error)[:200]})"


def all_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a journal's file and, before them, of the older ones beside it."""
    for each in files(path):
        yield from lines(str(each))


def _lines(file: BinaryIO) -> Iterator[str]:
    while data := file.readline(LINE_AT_MOST_BYTES):
        whole = data.endswith(b"\n")
        yield data.decode(errors="replace").rstrip("\n")
        while not whole and (more := file.readline(LINE_AT_MOST_BYTES)):
            whole = more.endswith(b"\n")


@contextmanager
def _opened(place: str) -> Iterator[BinaryIO]:
    if place == STDIN:
        yield _plain(sys.stdin.buffer)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(place).open("rb"))
        except OSError as error:
            raise OpsError(
                f"{place}: expected a journal that can be read, got {error.strerror}: "
                "name the file that ops scaling run --journal writes",
                Exit.USAGE,
            ) from error
        yield _plain(file)


def _plain(file: BinaryIO) -> BinaryIO:
    peek = getattr(file, "peek", None)
    compressed = peek is not None and peek(2)[:2] == _GZIP
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if compressed else file
