"""The application's code, read from its folders within bounds; nothing of it is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from ops.doctor.code import read_module
from ops.doctor.snapshot import Module

#: A large application has some thousand modules; what is larger than these is no hand's work.
FILES_AT_MOST: Final = 5_000
FILE_AT_MOST_BYTES: Final = 1_000_000

_NOT_THE_APPLICATIONS: Final = frozenset(
    {"__pycache__", "build", "dist", "migrations", "node_modules", "site-packages", "test", "tests"}
)


def find(roots: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the application's files below `roots`, and a line where these are not all.

    Tests, migrations, virtual environments and hidden folders are not the application's.
    """
    files = list(islice(_files(roots), FILES_AT_MOST + 1))
    if len(files) <= FILES_AT_MOST:
        return files, []
    more = f"code: more than {FILES_AT_MOST} files: start it in a narrower folder"
    return files[:FILES_AT_MOST], [more]


def scan(
    files: Iterable[Path], task_files: Iterable[Path], folder: Path, step: Callable[[str], None]
) -> tuple[list[Module], list[str]]:
    """Read modules, and say what was left unread, a line each.

    Places are relative to `folder`. `step` is called with each file's name before it is read.
    """
    modules: dict[Path, Module] = {}
    unread: list[str] = []
    for file in files:
        place = shown(file, folder)
        step(place)
        try:
            if file.stat().st_size > FILE_AT_MOST_BYTES:
                unread.append(f"{place}: larger than {FILE_AT_MOST_BYTES} bytes")
                continue
            modules[file] = read_module(file.read_bytes(), place)
        except OSError as error:
            unread.append(f"{place}: {error.strerror}")
        except (SyntaxError, ValueError, RecursionError) as error:
            unread.append(f"{place}: not this Python's: {type(error).__name__}")
    reached = _reached(modules, {file.resolve() for file in task_files})
    found = [replace(m, tasks_reach=file in reached) for file, m in modules.items()]
    return found, unread


def shown(file: Path, folder: Path) -> str:
    """Return a file's name for a person: relative to `folder` where it lies below it."""
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _files(roots: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for root in roots:
        for parent, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if _searched(Path(parent, f)))
            for name in sorted(names):
                if not name.endswith(".py") or _is_test(name):
                    continue
                file = Path(parent, name).resolve()
                if file not in seen:
                    seen.add(file)
                    yield file


def _searched(folder: Path) -> bool:
    name = folder.name
    hidden = name.startswith(".") or name in _NOT_THE_APPLICATIONS
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _is_test(name: str) -> bool:
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def _reached(modules: Mapping[Path, Module], starts: set[Path]) -> set[Path]:
    """Return the files that hold tasks and those they import, directly or through others.

    A file is taken for a module's by the end of its path: any folder that is no package itself
    may be on the import path.
    """
    by_name: dict[str, list[Path]] = {}
    for file in modules:
        parts = file.with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        for begin in range(1, len(parts)):
            if Path(*parts[:begin], "__init__.py") not in modules:
                by_name.setdefault(".".join(parts[begin:]), []).append(file)
    reached: set[Path] = set()
    ahead = [file for file in starts if file in modules]
    while ahead:
        file = ahead.pop()
        if file in reached:
            continue
        reached.add(file)
        for name in modules[file].imports:
            ahead.extend(by_name.get(name, ()))
    return reached
