"""What `ops` says on stderr, whatever else the machine does."""

from __future__ import annotations

import re
import subprocess

_WAITING = re.compile(r"^[^\n:]+: waiting for [^\n]*\n", re.MULTILINE)


def without_waiting(
    ran: subprocess.CompletedProcess[str],
) -> subprocess.CompletedProcess[str]:
    """Leave out what it says it waits for: where a machine is busy two seconds are soon over."""
    said = _WAITING.sub("", ran.stderr)
    return subprocess.CompletedProcess(ran.args, ran.returncode, ran.stdout, said)
