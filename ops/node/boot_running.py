"""Programs that a booting node runs: pip, systemctl."""

from __future__ import annotations

import subprocess

from ops.errors import OpsError


def systemctl(*args: str) -> None:
    """Have systemd do something. Raises OpsError."""
    run("systemctl", *args)


def run(*command: str) -> None:
    """Run a program, whose output is not for the console unless it fails. Raises OpsError."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise OpsError(f"{command[0]}: expected to run it, found {error}") from error
    if ran.returncode:
        raise OpsError(
            f"{' '.join(command)[:200]}: expected it to succeed, exit {ran.returncode}: "
            f"{ran.stderr.strip()[-500:]}"
        )
