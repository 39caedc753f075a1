"""Holds in a folder whose owner works against who writes there, as tasks may against root."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from worker import holds
from worker.control import DIRECTORY_VARIABLE

ROOT: Final = Path(__file__).parents[2]
NAME: Final = "media-video"

#: Holds, while another puts a link in the place of the fresh file before each step that names files
#: or changes a mode: as one does who watches the folder and is quick.
HOLD: Final = """
import os, sys
from pathlib import Path
from worker import holds
folder, victim = Path(os.environ["FLEET_RUNTIME_DIR"]), sys.argv[1]
turns = []
def against(event, _):
    if event in ("os.chmod", "os.rename") and not busy:
        busy.append(event)
        for fresh in folder.glob(".media-video.held.*"):
            turns.append(event)
            fresh.unlink()
            fresh.symlink_to(victim)
        busy.clear()
busy = []
sys.addaudithook(against)
holds.hold("media-video", holds.By.OPERATOR, "maintenance")
print(*turns)
"""


def test_a_hold_changes_no_mode_but_its_own_files(tmp_path: Path) -> None:
    folder, victim = tmp_path / "run", tmp_path / "shadow"
    folder.mkdir()
    victim.write_text("secret")
    victim.chmod(0o600)
    ran = subprocess.run(
        [sys.executable, "-c", HOLD, str(victim)],
        env={**os.environ, DIRECTORY_VARIABLE: str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ran.stdout == "os.chmod os.rename\n"
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("secret", 0o600)


def test_a_hold_is_for_all_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    holds.hold(NAME, holds.By.OPERATOR, "maintenance")
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert holds.held(NAME) == "maintenance"


def test_a_link_or_a_pipe_in_a_holds_place_holds_and_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, secret = tmp_path / "run", tmp_path / "shadow"
    folder.mkdir()
    secret.write_text("secret")
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(folder))
    file = folder / f"{NAME}.held"
    puts: tuple[Callable[[], None], ...] = (
        lambda: file.symlink_to(secret),
        lambda: os.mkfifo(file),
    )
    for put in puts:
        put()
        found = holds.held(NAME)
        assert found is not None
        assert found.startswith("a hold that cannot be read: ")
        assert "secret" not in found
        file.unlink()
    assert holds.held(NAME) is None
