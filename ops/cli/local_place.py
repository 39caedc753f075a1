"""Where the local fleet of a command's manifest is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.cli.context import Ops
    from ops.local.running import Running


def folder_of(ops: Ops) -> Path:
    """Return the folder of the local fleet's state."""
    from ops.local.running import folder_of as folder  # noqa: PLC0415
    from worker.manifest.reading import DEFAULT_MANIFEST, MANIFEST_VARIABLE  # noqa: PLC0415

    return folder(ops.path or Path(os.environ.get(MANIFEST_VARIABLE) or DEFAULT_MANIFEST))


def found(ops: Ops) -> Running:
    """Return what runs there. Raises OpsError (exit 3) where nothing does."""
    from ops.local.running import found as running  # noqa: PLC0415

    return running(folder_of(ops))
