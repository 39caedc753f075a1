"""Why git leaves a file alone, and what to do about it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def ignored(folder: Path, name: str) -> str:
    """Return a line on a file of a work tree that git ignores, with the rule that says so."""
    command = ("git", "check-ignore", "--verbose", "--", name)
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    # "<source>:<line>:<pattern>", a tab, the path (git-check-ignore, "Output").
    rule = os.fsdecode(ran.stdout.partition(b"\t")[0])
    by = f" by {rule}" if rule else ""
    return (
        f"{folder / name}: expected git to track it, it is ignored{by}: a release has what git "
        "has: correct that rule, or track the application's files all the same with git add "
        "--force, or keep the folder outside of the work tree"
    )
