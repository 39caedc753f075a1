"""A folder as git knows it: what belongs to it, and what of that is not committed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from ops.errors import OpsError

# What git says depends on the language; that it may not refresh its index keeps others' locks free.
_ENVIRONMENT: Final = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
#: A hook's, or a rebase's, name the one repository that it runs for (git rev-parse
#: --local-env-vars): what is asked after is the one that the folder lies in.
_OF_ONE_TREE: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_NO_TREE: Final = "not a git repository"
#: What the index has of a submodule: the commit that it is to be at (gitsubmodules).
_SUBMODULE: Final = "160000"


@dataclass(frozen=True, slots=True)
class Tree:
    """Paths below a folder: the files that git tracks or would track, and what is not committed.

    A repository within, a submodule or not, has the files that git has of that one. `changed` names
    what was changed, added or removed since the last commit, also what git does not track and does
    not ignore; and a repository within that is at another commit than the one that is committed.
    `absent` are submodules that are not checked out, whose files are not known.
    """

    files: frozenset[str]
    changed: frozenset[str]
    absent: frozenset[str]


def tree(folder: Path) -> Tree | None:
    """Return what git says of a folder, None where it is in no work tree.

    Raises OpsError where git cannot say: what it ignores would belong to the folder then.
    """
    own = {name: value for name, value in os.environ.items() if name not in _OF_ONE_TREE}
    return _tree(folder, {**own, **_ENVIRONMENT})


def is_repository(folder: Path) -> bool:
    """Whether a folder is a git repository's, or a submodule that is checked out."""
    return (folder / ".git").exists() and not folder.is_symlink()


def _tree(folder: Path, env: Mapping[str, str]) -> Tree | None:
    listed = _ask(folder, env, "ls-files", "--cached", "--stage")
    if listed is None:
        return None
    # "<mode> <object> <stage>", a tab, the path (git-ls-files, "Output").
    tracked = {name: entry[:6] for entry, _, name in (each.partition("\t") for each in listed)}
    fresh = _ask(folder, env, "ls-files", "--others", "--exclude-standard") or frozenset()
    # What lies in a submodule is asked there.
    diff = ("diff", "--name-only", "--relative", "--no-ext-diff", "--ignore-submodules=dirty")
    changed = (_ask(folder, env, *diff) or frozenset()) | (
        _ask(folder, env, *diff, "--cached") or frozenset()
    )
    # Of another repository in it git names the folder alone, with a slash.
    untracked = frozenset(name.removesuffix("/") for name in fresh)
    files = frozenset(
        name
        for name in untracked.union(tracked)
        # What was deleted and not yet committed is still listed.
        if (folder / name).is_symlink() or (folder / name).is_file()
    )
    submodules = {name for name, mode in tracked.items() if mode == _SUBMODULE}
    within = submodules.union(name.removesuffix("/") for name in fresh if name.endswith("/"))
    return _with(folder, within - files, Tree(files, changed | untracked, frozenset()), env)


def _with(folder: Path, within: set[str], found: Tree, env: Mapping[str, str]) -> Tree:
    """Return a tree with those of the repositories within it."""
    for name in sorted(within):
        if not is_repository(folder / name):
            found = Tree(found.files, found.changed, found.absent | {name})
            continue
        inner = _tree(folder / name, env)
        assert inner is not None  # noqa: S101  # it has a .git
        found = Tree(
            found.files | _below(name, inner.files),
            found.changed | _below(name, inner.changed),
            found.absent | _below(name, inner.absent),
        )
    return found


def _below(folder: str, names: frozenset[str]) -> frozenset[str]:
    return frozenset(f"{folder}/{name}" for name in names)


def _ask(folder: Path, env: Mapping[str, str], *words: str) -> frozenset[str] | None:
    """Return what a command of git lists. Raises OpsError."""
    command = ("git", *words, "-z")
    try:
        ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    except FileNotFoundError:
        if not _is_in_one(folder, env):
            return None
        raise OpsError(
            f"{folder}: expected git, which says what belongs to this work tree, found none in "
            "PATH: install it"
        ) from None
    if ran.returncode == 0:
        return frozenset(os.fsdecode(name) for name in ran.stdout.split(b"\0") if name)
    said = ran.stderr.decode(errors="replace").strip()
    # Of a .git that leads nowhere, as of a submodule that was copied, git says the same.
    if _NO_TREE in said and not _is_in_one(folder, env):
        return None
    raise OpsError(
        f"{folder}: expected git to say what belongs to this work tree, it said: "
        f"{said.partition(chr(10))[0]}: see git -C {folder} status"
    )


def _is_in_one(folder: Path, env: Mapping[str, str]) -> bool:
    """Whether a folder, or one above it, has a .git, wherever that leads.

    As far up as git looks: not in what GIT_CEILING_DIRECTORIES names, nor above (git(1)).
    """
    real = folder.resolve()
    ceilings = {Path(each) for each in env.get("GIT_CEILING_DIRECTORIES", "").split(":") if each}
    looked = takewhile(lambda above: above not in ceilings, real.parents)
    return any(os.path.lexists(above / ".git") for above in (real, *looked))
