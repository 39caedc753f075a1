"""What stands on a machine before it boots: a prepared image's folders, and its `systemctl`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

from ops.local.machine import systemctl

_FOLDERS: Final = ("bin", "log", "tmp", "scripts", "opt/fleet", "etc/fleet", "run", "var/lib")
_PROJECT: Final = Path(__file__).resolve().parents[3]


def furnish(root: Path) -> None:
    """Make the folders, what is installed, and `systemctl`."""
    install(root)
    words = [sys.executable, "-S", str(Path(systemctl.__file__).resolve()), str(root)]
    program = root / "bin/systemctl"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(_PROJECT))} exec {shlex.join(words)} "$@"\n'
    )
    program.chmod(0o700)


def install(root: Path) -> None:
    """Make the folders, and link this interpreter's environment where no image has put one."""
    for below in _FOLDERS:
        (root / below).mkdir(mode=0o700, parents=True, exist_ok=True)
    python = root / "opt/fleet/python"
    if python.is_dir() and not python.is_symlink():
        return
    python.unlink(missing_ok=True)
    python.symlink_to(sys.prefix)
