"""Rows of a CSV file, plain or gzipped, and what is said of a wrong one."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError

_ROWS_AT_MOST: Final = 25_000_000
_SHOWN_CHARACTERS: Final = 200


class Rows:
    """The rows that are not empty, with the number of the line that was read last."""

    def __init__(self, path: Path, reader: Iterator[list[str]]) -> None:
        self.path = path
        self.line = 0
        self._reader = reader

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row: list[str] = []
        while not row:
            row = next(self._reader)
            self.line += 1
            if self.line > _ROWS_AT_MOST:
                raise self.wrong(f"at most {_ROWS_AT_MOST} rows", "more", "split it")
        return row

    def wrong(self, expected: str, found: str, remedy: str = "correct it") -> OpsError:
        """Return the error of the line that was read last."""
        shown = found if len(found) <= _SHOWN_CHARACTERS else f"{found[:_SHOWN_CHARACTERS]}…"
        return OpsError(
            f"{self.path}:{self.line}: expected {expected}, got {shown!r}: {remedy}", Exit.USAGE
        )


@contextmanager
def rows_of(path: Path) -> Iterator[Rows]:
    """Open a CSV file; raise OpsError (exit 2) where it cannot be read, or not to its end."""
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig", newline="")
        ) as file:
            yield Rows(path, csv.reader(file, strict=True))
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise OpsError(
            f"{path}: expected CSV in UTF-8{', gzipped' * (path.suffix == '.gz')}: {error}: "
            "write it anew",
            Exit.USAGE,
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise OpsError(f"{path}: expected a readable CSV file: {why}", Exit.USAGE) from error
