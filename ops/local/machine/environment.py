"""What a machine's processes find in their environment, and where."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ops.local.aws import local_environment

if TYPE_CHECKING:
    from ops.local.machine.instance import Instance

#: What would have a process take itself for one that another systemd or session started, or find
#: modules that a real node does not have.
_OTHERS: Final = (
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "XDG_RUNTIME_DIR",
)
#: A machine's processes get their credentials from its metadata service alone.
_STATIC: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED")


def base(
    root: Path, instance: Instance, metadata: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return what all of a machine's processes have; `metadata` is its metadata service's URL."""
    return {
        **apart(root, instance.endpoint, metadata, environ),
        "PATH": f"{root / 'bin'}:{environ.get('PATH', os.defpath)}",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
    }


def apart(
    root: Path, endpoint: str, metadata: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return an environment that leads to the local AWS at `endpoint`, with nobody's credentials.

    FLEET_ROOT tells the processes of a folder from all others.
    """
    found = local_environment(endpoint, environ)
    for name in (*_OTHERS, *_STATIC):
        found.pop(name, None)
    hosts = {"127.0.0.1", "localhost"}
    hosts |= {urlsplit(url).hostname or "" for url in (endpoint, metadata)}
    return {**found, "FLEET_ROOT": str(root), "NO_PROXY": ",".join(sorted(hosts - {""}))}


def specifiers(root: Path, instance: Instance) -> dict[str, str]:
    """Return what a unit's %t, %S and the like stand for: "Specifiers" in systemd.unit(5)."""
    return {
        "t": str(root / "run"),
        "S": str(root / "var/lib"),
        "C": str(root / "var/cache"),
        "L": str(root / "var/log"),
        "T": str(root / "tmp"),
        "H": instance.instance_id,
    }
