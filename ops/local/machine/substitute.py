"""Where a machine's files lie: below its own folder instead of `/`. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: The folders of a node that a machine has for itself; all others are this computer's.
OWN: Final = (
    "/opt/fleet",
    "/etc/fleet",
    "/run/fleet",
    "/var/lib/fleet",
    "/var/cache/fleet",
    "/var/log/fleet",
)

# Neither "/srv/opt/fleet" nor "/opt/fleet-two" is meant; "-/etc/fleet/node.env" is.
_OWN = re.compile(r"(?<![\w./])(?:" + "|".join(OWN) + r")(?![\w-])")


def substitute(text: str, root: Path) -> str:
    """Return `text` with each of a node's own folders below `root`."""
    return _OWN.sub(lambda found: f"{root}{found[0]}", text)
