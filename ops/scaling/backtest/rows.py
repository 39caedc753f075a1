"""Rows of a CSV file, plain or gzipped, and what is said of a wrong one."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from _csv import Reader

_ROWS_AT_MOST: Final = 25_000_000
_SHOWN_CHARACTERS: Final = 200


class Rows:
    """The rows that are not empty, with the number of the line that was read last."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self.path = path
        self._reader = reader
        self._rows = 0

    @property
    def line(self) -> int:
        """The line of the file that was read last; 0 before the first, or where there is none."""
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row: list[str] = []
        while not row:
            row = next(self._reader)
            self._rows += 1
            if self._rows > _ROWS_AT_MOST:
                raise self.wrong(f"at most {_ROWS_AT_MOST} rows", "more", "split it")
        return row

    def wrong(
        self, expected: str, found: str | None, remedy: str = "correct or remove the line"
    ) -> OpsError:
        """Return the error of the line that was read last; `found` None is nothing at all."""
        shown = "none" if found is None else repr(_cut(found))
        return OpsError(
            f"{self.path}:{self.line}: expected {expected}, got {shown}: {remedy}", Exit.USAGE
        )


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


@contextmanager
def rows_of(path: Path) -> Iterator[Rows]:
    """Open a CSV file; raise OpsError (exit 2) where it cannot be read, or not to its end."""
    line = 0
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig", newline="")
        ) as file:
            rows = Rows(path, csv.reader(file, strict=True))
            try:
                yield rows
            finally:
                line = rows.line
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise OpsError(
            f"{path}:{line}: expected CSV in UTF-8{', gzipped' * (path.suffix == '.gz')}, got, "
            f"after that line: {error}: write the file anew",
            Exit.USAGE,
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise OpsError(
            f"{path}: expected a CSV file that can be read, got: {why}: name another", Exit.USAGE
        ) from error
