"""A Python without tarfile's filters, such as Debian 12's: said in one line, with nothing made."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ops.errors import Exit, OpsError
from ops.local.aws import local_environment
from ops.release.unpack import unpack

ROOT = Path(__file__).parents[2]
EXPECTED = "expected a tarfile module with extraction filters "


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH that makes this interpreter as one before 3.11.4."""
    folder = tmp_path / "older"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import tarfile\ndel tarfile.data_filter\n")
    return folder


def test_nothing_is_unpacked_without_a_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(OpsError, match=EXPECTED) as refused:
        unpack(tmp_path / "a.tar.gz", tmp_path / "releases/r1")
    assert refused.value.code == Exit.FAILED
    assert not (tmp_path / "releases").exists()


def test_a_node_that_cannot_unpack_says_so_at_once(tmp_path: Path, older: Path) -> None:
    words = ["--fleet", "shop", "--queue", "mail", "--bucket", "b", "--region", "eu-west-1"]
    ran = subprocess.run(
        # Nobody listens there: asking S3 would take its five minutes.
        [sys.executable, "-m", "ops", "node", "boot", *words],
        env={
            **local_environment("http://127.0.0.1:9"),
            "PYTHONPATH": f"{older}{os.pathsep}{ROOT}",
            "FLEET_ROOT": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert EXPECTED in ran.stderr
    assert ran.stderr.endswith("an image: deploy/image/install.sh --python python3.12\n")
    assert ran.stderr.count("\n") == 1


def test_no_image_is_made_of_it(tmp_path: Path, older: Path) -> None:
    root = tmp_path / "image"
    root.mkdir()
    ran = subprocess.run(
        [ROOT / "deploy/image/install.sh", "--python", sys.executable, "--root", root],
        env={"PATH": os.defpath, "PYTHONPATH": str(older)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"install.sh: {sys.executable}: {EXPECTED}")
    assert ran.stderr.endswith("name a later Python with --python\n")
    assert list(root.iterdir()) == []
