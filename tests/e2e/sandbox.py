"""What systemd itself makes of a unit of deploy/systemd, where it is there to be asked."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy/systemd"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze"
)


def assert_sound_and_sandboxed(folder: Path, name: str, *, exposure_at_most: float) -> None:
    """systemd finds nothing wrong with a unit, and its exposure is that or less.

    The unit's program is one that every computer has: theirs are on a prepared image alone.
    """
    text, programs = re.subn(
        r"^ExecStart=\S+", "ExecStart=/bin/true", (UNITS / name).read_text(), flags=re.MULTILINE
    )
    assert programs == 1
    unit = folder / name
    unit.write_text(text)
    checked = _analyze("verify", str(unit))
    assert (checked.returncode, checked.stderr) == (0, "")
    threshold = f"--threshold={exposure_at_most * 10:.0f}"
    exposed = _analyze("security", "--offline=true", threshold, str(unit))
    assert exposed.returncode == 0, exposed.stdout


def _analyze(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *args], capture_output=True, text=True, timeout=30, check=False
    )
