"""Which files of a folder belong to a release."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError

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
#: What usually holds a secret: a release is read by every node of the fleet.
_SECRET: Final = (
    ".aws",
    ".env",
    ".env.*",
    ".netrc",
    ".pypirc",
    ".ssh",
    "*.p12",
    "*.pfx",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
)
#: What holds a secret only if it says so: a certificate is none.
_PERHAPS_SECRET: Final = ("*.key", "*.pem")
_PRIVATE: Final = b"PRIVATE KEY-----"
_MANIFEST: Final = "fleet.toml"


def files_of(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files of a release, relative to `folder` and sorted, and what is kept out of it.

    In a git work tree that is what git tracks or would track, elsewhere every file. Caches,
    environments and what looks like a secret are left out; the second tuple names the secrets.
    Raises OpsError where there is no manifest, or where a link leads out of the folder.
    """
    if not (folder / _MANIFEST).is_file():
        raise OpsError(
            f"{folder}: expected a folder with a {_MANIFEST}, found none: "
            "name the application's folder with --folder",
            Exit.USAGE,
        )
    tracked = _by_git(folder)
    found = [
        name
        for name in sorted(_walked(folder) if tracked is None else tracked)
        if not _matches(name, _NEVER)
    ]
    secrets = tuple(name for name in found if _secret(folder, name))
    kept = tuple(name for name in found if name not in secrets)
    for name in kept:
        _check_link(folder, name)
    if _MANIFEST not in kept:
        raise OpsError(
            f"{folder / _MANIFEST}: expected git to track it, it is ignored: correct .gitignore",
            Exit.USAGE,
        )
    return kept, secrets


def _by_git(folder: Path) -> list[str] | None:
    """Return what git tracks or would track, None where there is no git or no work tree."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    if ran.returncode:
        return None
    names = {os.fsdecode(name) for name in ran.stdout.split(b"\0") if name}
    # What was deleted and not yet committed is still listed.
    return [name for name in names if (folder / name).is_symlink() or (folder / name).is_file()]


def _walked(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _any(name, _NEVER)]
        for name in (*names, *(one for one in folders if (Path(parent) / one).is_symlink())):
            yield (Path(parent) / name).relative_to(folder).as_posix()


def _secret(folder: Path, name: str) -> bool:
    if _matches(name, _SECRET):
        return True
    path = folder / name
    return _any(path.name, _PERHAPS_SECRET) and path.is_file() and _PRIVATE in path.read_bytes()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(_any(part, patterns) for part in name.split("/"))


def _any(part: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(part, pattern) for pattern in patterns)


def _check_link(folder: Path, name: str) -> None:
    path = folder / name
    if not path.is_symlink():
        return
    target = path.readlink()
    inside = Path(os.path.normpath(folder / name / ".." / target)).is_relative_to(folder)
    if target.is_absolute() or not inside:
        raise OpsError(
            f"{path}: expected a link to stay within {folder}, it leads to {target}: "
            "put the file itself there"
        )
