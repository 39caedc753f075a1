"""``python -m ops.local.machine --folder FOLDER --address 127.A.B.C [--boot SECONDS]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.local.machine.entry import serve

if TYPE_CHECKING:
    from ops.local.machine.machine import Machine


def _machine(folder: Path, address: str, boot_seconds: float) -> Machine:
    from ops.local.machine.machine import Machine  # noqa: PLC0415

    return Machine(folder, address, boot_seconds)


if __name__ == "__main__":
    sys.exit(serve("machine", "ops.local.machine", _machine))
