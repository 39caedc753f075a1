"""The environment in which commands reach a local fleet, and nothing else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from ops.local.aws import local_environment
from ops.local.running import FOLDER_VARIABLE, Running


def environment(
    running: Running, folder: Path, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the whole environment of a command, for what runs with its state in a folder."""
    return {
        **local_environment(running.url, environ),
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        "FLEET_MANIFEST": running.manifest,
        # Else `ops local` of that shell looks beside the manifest, and leaves this one running.
        FOLDER_VARIABLE: str(folder),
    }


def on_node(node: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return a command's environment `env` as on the node of a folder, with the node's manifest."""
    known = {name: value for name, value in env.items() if not name.startswith("FLEET_")}
    return {**known, "FLEET_ROOT": str(node)}


def lines(running: Running, folder: Path, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what makes that environment of a POSIX shell's that has `environ`."""
    ours = environment(running, folder, {})
    gone = sorted(set(environ) - set(environment(running, folder, environ)))
    return [
        *(f"unset {name}" for name in gone),
        *(f"export {name}={shlex.quote(ours[name])}" for name in sorted(ours)),
    ]
