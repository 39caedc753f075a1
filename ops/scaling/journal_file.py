"""The journal as a file: one write a tick; full files are compressed, the oldest ones deleted."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

MIB: Final = 1024 * 1024
#: Half a second to compress, once in some hours.
FILE_AT_MOST_BYTES: Final = 64 * MIB
#: Lines become a fifth to a tenth of their size: together at most 500 MiB or so.
KEPT: Final = 30
_COMPRESSED: Final = ".gz"
_MODE: Final = 0o640
_LEVEL: Final = 1


class Journal(Protocol):
    """Where lines go."""

    def write(self, lines: Sequence[str], now: float) -> str:
        """Take lines, in their order; return what went wrong, empty where nothing did.

        Raises nothing.
        """
        ...

    @property
    def fresh(self) -> bool:
        """Whether the lines before are lost or elsewhere: the next must be full ones."""
        ...

    def close(self) -> None:
        """Give up what is open."""
        ...


class FileJournal:
    """A file that lines are appended to, and `PATH.1.gz`, `PATH.2.gz`... before it."""

    def __init__(
        self, path: Path, at_most_bytes: int = FILE_AT_MOST_BYTES, kept: int = KEPT
    ) -> None:
        self._path = path
        self._at_most_bytes = at_most_bytes
        self._kept = kept
        self._file: int | None = None
        self._size = 0
        self._torn = False
        self._failed = False

    @property
    def fresh(self) -> bool:
        """Whether the next lines begin a file, or follow some that were not written."""
        try:
            self._opened()
        except OSError:
            return True
        return self._failed or self._size == 0

    def write(self, lines: Sequence[str], now: float) -> str:
        """Append lines by one write, so that they are whole where the machine stays up."""
        data = "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")
        try:
            file = self._opened()
            if self._torn:
                data = b"\n" + data
            written = os.write(file, data)
            self._torn = written < len(data)
            self._size += written
            if self._torn:
                raise OSError(f"{written} of {len(data)} bytes written")
        except OSError as error:
            self._failed = True
            return f"{self._path}: {error.strerror or error}"
        self._failed = False
        return ""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is not None and (self._size >= self._at_most_bytes or self._moved()):
            self.close()
        if self._file is None:
            if _size(self._path) >= self._at_most_bytes:
                self._rotate()
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(self._path, flags, _MODE)
            self._size = os.fstat(self._file).st_size
            last = os.pread(self._file, 1, self._size - 1) if self._size else b"\n"
            self._torn = last != b"\n"
        return self._file

    def _moved(self) -> bool:
        """Whether someone else, such as logrotate, has moved the file away."""
        if self._file is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return True

    def _rotate(self) -> None:
        for number in range(self._kept, 1, -1):
            for ending in ("", _COMPRESSED):
                with contextlib.suppress(FileNotFoundError):
                    newer = numbered(self._path, number - 1, ending)
                    newer.replace(numbered(self._path, number, ending))
        full = numbered(self._path, 1)
        self._path.replace(full)
        # Where there is no room for it, the file stays as it is.
        with contextlib.suppress(OSError):
            _compress(full, numbered(self._path, 1, _COMPRESSED))


def numbered(path: Path, number: int, ending: str = "") -> Path:
    """Return the name of the file `number` rotations ago."""
    return path.with_name(f"{path.name}.{number}{ending}")


def files(path: Path) -> Iterator[Path]:
    """Yield a journal's files that are there, the oldest first."""
    older: list[Path] = []
    for number in itertools.count(1):
        found = [numbered(path, number, ending) for ending in ("", _COMPRESSED)]
        # Both are there where compressing was cut short: the plain one is whole.
        there = next((each for each in found if each.exists()), None)
        if there is None:
            break
        older.append(there)
    yield from reversed(older)
    yield path


def _compress(plain: Path, compressed: Path) -> None:
    with plain.open("rb") as source, gzip.open(compressed, "wb", _LEVEL) as target:
        shutil.copyfileobj(source, target, MIB)
    compressed.chmod(_MODE)
    plain.unlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
