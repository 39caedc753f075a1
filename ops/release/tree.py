"""A folder as git knows it: what belongs to it, and what of that is not committed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.errors import OpsError

# What git says depends on the language; that it may not refresh its index keeps others' locks free.
_ENVIRONMENT: Final = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
_NO_TREE: Final = "not a git repository"


@dataclass(frozen=True, slots=True)
class Tree:
    """Paths below a folder: the files that git tracks or would track, and what is not committed.

    `changed` names what was changed, added or removed since the last commit, also what git does
    not track and does not ignore.
    """

    files: frozenset[str]
    changed: frozenset[str]


def tree(folder: Path) -> Tree | None:
    """Return what git says of a folder, None where it is in no work tree.

    Raises OpsError where git cannot say: what it ignores would belong to the folder then.
    """
    tracked = _ask(folder, "ls-files", "--cached")
    if tracked is None:
        return None
    fresh = _ask(folder, "ls-files", "--others", "--exclude-standard") or frozenset()
    diff = ("diff", "--name-only", "--relative", "--no-ext-diff", "--ignore-submodules=all")
    changed = (_ask(folder, *diff) or frozenset()) | (
        _ask(folder, *diff, "--cached") or frozenset()
    )
    # Of another repository in it git names the folder alone.
    untracked = frozenset(name for name in fresh if not name.endswith("/"))
    there = frozenset(
        name
        for name in tracked | untracked
        # What was deleted and not yet committed is still listed.
        if (folder / name).is_symlink() or (folder / name).is_file()
    )
    return Tree(there, changed | untracked)


def _ask(folder: Path, *words: str) -> frozenset[str] | None:
    """Return the paths that a command of git names. Raises OpsError."""
    command = ("git", *words, "-z")
    try:
        ran = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        if not any((above / ".git").exists() for above in (folder, *folder.absolute().parents)):
            return None
        raise OpsError(
            f"{folder}: expected git, which says what belongs to this work tree, found none in "
            "PATH: install it"
        ) from None
    if ran.returncode == 0:
        return frozenset(os.fsdecode(name) for name in ran.stdout.split(b"\0") if name)
    said = ran.stderr.decode(errors="replace").strip()
    if _NO_TREE in said:
        return None
    raise OpsError(
        f"{folder}: expected git to say what belongs to this work tree, it said: "
        f"{said.partition(chr(10))[0]}: see git -C {folder} status"
    )
