"""`ops local up` where its files cannot be: one line that says what to do, and nothing left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.local.machine.processes import table
from ops.local.starting import start
from ops.local.tail import node_folder
from tests.e2e.desk import Desk, opened

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path) as desk:
        yield desk


def refused(folder: Path) -> str:
    with pytest.raises(OpsError) as refused:
        start(
            folder,
            fleet="desk",
            manifest=folder / "fleet.toml",
            region="eu-west-1",
            image="/desk/image",
            boot_seconds=0.0,
            port=0,
            step=lambda _: None,
        )
    return str(refused.value)


def test_a_folder_that_cannot_be_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, found in (
        (Path("/proc/none"), "No such file or directory"),
        (tmp_path / "file", "a file"),
        (tmp_path / "file/below", "Not a directory"),
    ):
        line = refused(folder)
        assert line.startswith(f"{folder}: expected a folder that is there or can be made, found ")
        assert f"found {found}: name another with FLEET_LOCAL_DIR" in line


def test_a_folder_with_anothers_files_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert refused(tmp_path) == (
        f"{tmp_path}: expected a new folder, an empty one or an earlier local fleet's, found other "
        "files in it: name another with FLEET_LOCAL_DIR"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_cannot_be_moved_or_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert refused(tmp_path) == (
        f"{tmp_path}/lock: expected to write a local fleet's files, found Is a directory: "
        "make room there, or name another folder with FLEET_LOCAL_DIR"
    )


def test_a_full_disk_is_a_line_and_leaves_no_process(desk: Desk) -> None:
    up = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *desk.command("up")],
        cwd=desk.folder,
        env=desk.environ(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert up.returncode == 1
    last = up.stderr.splitlines()[-1]
    assert last.startswith(f"{desk.state}: expected to write a local fleet's files, found File too")
    assert not [pid for pid in table() if str(desk.state) in command_line(pid)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_node_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="found none: there is none yet"):
        node_folder(tmp_path, "12")
    for name in ("i-0a12", "i-0b12"):
        (tmp_path / "nodes" / name).mkdir(parents=True)
    assert node_folder(tmp_path, "a1").name == "i-0a12"
    with pytest.raises(OpsError, match=r"12: expected one .* found 2: i-0a12, i-0b12"):
        node_folder(tmp_path, "12")
    with pytest.raises(OpsError, match="found none: there are i-0a12, i-0b12"):
        node_folder(tmp_path, "c")
