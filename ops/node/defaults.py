"""What `ops node` takes for granted on a node's shell: what units tell the agent and the worker.

`ops node boot` writes the file, systemd reads it for the units, and whoever logs in has neither.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError
from worker.control import DIRECTORY_VARIABLE, directory
from worker.manifest.reading import MANIFEST_VARIABLE

ROOT_VARIABLE: Final = "FLEET_ROOT"
#: Below the root, as `deploy/systemd` has them.
NODE_FILE: Final = "etc/fleet/node.env"
_PLACES: Final = {
    DIRECTORY_VARIABLE: "run/fleet",
    MANIFEST_VARIABLE: "opt/fleet/current/fleet.toml",
}
#: What an operator's command needs of the file; the rest is the worker's.
_TAKEN: Final = ("AWS_REGION", "FLEET_QUEUE", *_PLACES)
_LINE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_AT_MOST_BYTES: Final = 65_536


def defaults(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that are not in `env` and a node has; none on what is no node.

    A node is where `/etc/fleet/node.env` is, below the folder FLEET_ROOT. Raises OpsError (exit 2)
    for a line of it that is none.
    """
    root = Path(env.get(ROOT_VARIABLE) or "/")
    try:
        with (root / NODE_FILE).open("rb") as file:
            text = file.read(_AT_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise OpsError(
            f"{root / NODE_FILE}: expected to read it, found {error.strerror}: chmod 644"
        ) from error
    known = {name: str(root / below) for name, below in _PLACES.items()}
    known |= _read(text, root / NODE_FILE)
    return {name: known[name] for name in _TAKEN if name in known and name not in env}


def check_sockets() -> None:
    """Raise OpsError where this user may not see the sockets of the workers here."""
    folder = directory()
    try:
        owner = folder.stat().st_uid
    except OSError:  # none is there: nobody runs, which the command tells
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        raise OpsError(
            f"{folder}: expected to be user {_name(owner)} or root, found user "
            f"{_name(os.geteuid())}: run it with sudo"
        )


def _read(text: bytes, path: Path) -> dict[str, str]:
    if len(text) > _AT_MOST_BYTES:
        raise OpsError(f"{path}: expected at most {_AT_MOST_BYTES} bytes, found more", Exit.USAGE)
    found = {}
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None or not match[2].isprintable():
            raise OpsError(
                f"{path}: line {number}: expected NAME=value, found {stripped[:60]!r}: ops node "
                "boot writes it anew",
                Exit.USAGE,
            )
        found[match[1]] = match[2].strip("\"'")
    return found


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
