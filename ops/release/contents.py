"""Which files of a folder belong to a release, and whether they may."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError
from ops.release import confidential
from ops.release.ignored import ignored
from ops.release.tree import is_repository, tree

#: Made by tools, or this machine's own; never part of an application.
_NEVER: Final = (
    ".fleet-local",
    ".git",
    ".hg",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv*",
    "__pycache__",
    "node_modules",
    "venv",
    "*.pyc",
)
_MANIFEST: Final = "fleet.toml"
_NAMED_AT_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Contents:
    """Paths relative to the application's folder, sorted.

    `files` are the release's; `left_out` are not, as they look like secrets by their names.
    `changed` is what of the release is not as git has committed it, empty where there is no git.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    changed: tuple[str, ...]


def files_of(folder: Path, include: Collection[str] = ()) -> Contents:
    """Return what belongs to a release of `folder`.

    In a git work tree that is what git tracks or would track, in its submodules as well, elsewhere
    every file; without caches, environments and what usually holds a secret by its name. `include`
    names files that look like a secret and are none. Raises OpsError where there is no manifest,
    where a link leads out of the folder, where a file holds a secret, where a submodule is not
    checked out, and where git cannot say what belongs to it.
    """
    if not (folder / _MANIFEST).is_file():
        raise OpsError(
            f"{folder}: expected a folder with a {_MANIFEST}, found none: "
            "name the application's folder with --folder",
            Exit.USAGE,
        )
    known = tree(folder)
    if known is not None:
        _check_checked_out(folder, known.absent)
    found = [
        name
        for name in sorted(_walked(folder) if known is None else known.files)
        if not _matches(name, _NEVER)
    ]
    if absent := sorted(set(include) - set(found)):
        raise OpsError(
            f"--include {absent[0]}: expected a file of {folder}, by its path below it, found none "
            "that git tracks or would track",
            Exit.USAGE,
        )
    left_out = tuple(name for name in found if name not in include and _is_secret(folder, name))
    kept = tuple(name for name in found if name not in left_out)
    for name in kept:
        _check_kind(folder, name)
    if _MANIFEST not in kept:
        raise OpsError(ignored(folder, _MANIFEST), Exit.USAGE)
    _check_contents(folder, [name for name in kept if name not in include])
    changed = frozenset() if known is None else known.changed
    # What was deleted has no more than its name to be told by.
    gone = (name for name in changed.difference(found) if not _matches(name, _NEVER))
    own = changed.intersection(kept).union(name for name in gone if not confidential.named(name))
    return Contents(kept, left_out, tuple(sorted(own)))


def check_committed(folder: Path, contents: Contents) -> None:
    """Raise OpsError unless all of a release is as git has committed it."""
    if not contents.changed:
        return
    repositories = {name for name in contents.changed if is_repository(folder / name)}
    found = [
        f"{name} (a repository at another commit than is committed here)"
        if name in repositories
        else name
        for name in contents.changed
    ]
    back = ", take a submodule's back with git submodule update" if repositories else ""
    raise OpsError(
        f"{folder}: expected a work tree without changes, found {_some(found)}: commit them{back}, "
        "list them in .gitignore, or pack them as they are with --dirty"
    )


def _check_checked_out(folder: Path, absent: Iterable[str]) -> None:
    """Raise OpsError where git has not got the files of a submodule."""
    if wanted := sorted(name for name in absent if not _matches(name, _NEVER)):
        raise OpsError(
            f"{folder}: expected every submodule to be checked out, found none of the files of "
            f"{_some(wanted)}: git -C {folder} submodule update --init --recursive"
        )


def _check_contents(folder: Path, names: Iterable[str]) -> None:
    """Raise OpsError where a file holds what must not be read by every node."""
    found: list[str] = []
    for name in names:
        path = folder / name
        if path.is_symlink():
            continue
        try:
            with path.open("rb") as file:
                what = confidential.held(file.read(confidential.HEAD_BYTES))
        except OSError as error:
            raise OpsError(f"{path}: expected a file that can be read, found {error}") from error
        if what is not None:
            found.append(f"{name} ({what})")
    if found:
        raise OpsError(
            f"{folder}: expected no secret in a release, found {_some(found)}: keep them out with "
            ".gitignore, or outside the folder; what is none is packed with --include PATH"
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _walked(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _any(name, _NEVER)]
        for name in (*names, *(one for one in folders if (Path(parent) / one).is_symlink())):
            yield (Path(parent) / name).relative_to(folder).as_posix()


def _is_secret(folder: Path, name: str) -> bool:
    if confidential.named(name):
        return True
    path = folder / name
    if not confidential.perhaps_named(name) or not path.is_file():
        return False
    try:
        return confidential.held(path.read_bytes()) is not None
    except OSError as error:
        raise OpsError(f"{path}: expected a file that can be read, found {error}") from error


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(_any(part, patterns) for part in name.split("/"))


def _any(part: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(part, pattern) for pattern in patterns)


def _check_kind(folder: Path, name: str) -> None:
    path = folder / name
    if not path.is_symlink():
        if not path.is_file():
            raise OpsError(f"{path}: expected a file, found a pipe, socket or device: remove it")
        return
    target = path.readlink()
    root = Path(os.path.abspath(folder))  # noqa: PTH100  # no link is to be followed
    inside = Path(os.path.normpath(root / name / ".." / target)).is_relative_to(root)
    if target.is_absolute() or not inside:
        raise OpsError(
            f"{path}: expected a link to stay within {folder}, it leads to {target}: "
            "put the file itself there"
        )
