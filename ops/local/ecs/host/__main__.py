"""``python -m ops.local.ecs.host --folder FOLDER --address 127.A.B.C [--boot SECONDS]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.local.machine.entry import serve

if TYPE_CHECKING:
    from ops.local.ecs.host.host import Host


def _host(folder: Path, address: str, boot_seconds: float) -> Host:
    from ops.local.ecs.host.host import Host  # noqa: PLC0415

    return Host(folder, address, boot_seconds)


if __name__ == "__main__":
    sys.exit(serve("task", "ops.local.ecs.host", _host))
