"""Applications' folders and git repositories, for the tests of releases."""

from __future__ import annotations

import subprocess
from pathlib import Path


def app(folder: Path, **files: str) -> Path:
    """Write an application of two files, and more of them, into a folder."""
    for name, text in {"fleet.toml": 'name = "shop"\n', "tasks.py": "x = 1\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as somebody of its own, and return what it says."""
    # Submodules from a folder of this machine are refused otherwise (git 2.38.1, CVE-2022-39253).
    settings = (
        "user.name=a",
        "user.email=a@b.example",
        "commit.gpgsign=false",
        "protocol.file.allow=always",
    )
    given = [word for each in settings for word in ("-c", each)]
    ran = subprocess.run(
        ["git", *given, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return ran.stdout.strip()


def commit(folder: Path) -> str:
    """Commit all that lies in a repository and return the commit."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return git(folder, "rev-parse", "HEAD")


def committed(folder: Path, **files: str) -> Path:
    """Make an application in a repository of its own, all of it committed."""
    app(folder, **files)
    git(folder, "init", "-q")
    commit(folder)
    return folder
