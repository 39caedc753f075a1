"""`deploy/image/install.sh` where it cannot do what it is asked: a line, and nothing is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def refused(*args: str, cwd: Path = ROOT) -> tuple[int, str]:
    done = subprocess.run(
        [ROOT / "deploy/image/install.sh", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (("--prefix", "x"), 2, "expected --python, --requirements or --root, got --prefix"),
        (("--root", "none"), 1, "none: expected a folder, found none: make it (mkdir -p)"),
        (("--python", "false"), 1, "false: expected Python 3.11 or later: name one with --python"),
        (("--requirements", "app.lock"), 1, "app.lock: expected a file, found none"),
    ],
)
def test_what_it_cannot_do_is_a_line(
    tmp_path: Path, args: tuple[str, ...], code: int, expected: str
) -> None:
    base = ["--root", str(tmp_path), "--python", sys.executable]
    assert refused(*base, *args) == (code, f"install.sh: {expected}\n")
    assert list(tmp_path.iterdir()) == []


def test_it_is_run_in_the_projects_folder(tmp_path: Path) -> None:
    code, said = refused("--root", str(tmp_path), cwd=tmp_path)
    assert (code, said) == (1, f"install.sh: expected the project's folder, this is {tmp_path}\n")


def test_an_option_wants_its_value() -> None:
    code, said = refused("--root")
    assert code != 0
    assert "--root: expected a folder" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do all of it")
def test_a_machine_is_changed_by_root_alone() -> None:
    code, said = refused("--python", sys.executable)
    assert code == 1
    assert "expected root, this is " in said
