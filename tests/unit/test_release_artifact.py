"""What a release holds, that it comes out the same, and that nothing escapes its folder."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from ops.errors import Exit, OpsError
from ops.release.artifact import pack
from ops.release.contents import files_of
from ops.release.pointer import MOST_BYTES, BadPointer, Pointer
from ops.release.unpack import link, unpack

KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n"


def app(folder: Path) -> Path:
    for name, text in {
        "fleet.toml": 'name = "shop"\n',
        "shop/tasks.py": "x = 1\n",
        "shop/__pycache__/tasks.pyc": "junk",
        ".env": "TOKEN=abc",
        "certs/ca.pem": "-----BEGIN CERTIFICATE-----\n",
        "certs/own.pem": KEY,
        ".venv/bin/python": "",
        ".fleet-local/state.json": "{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    return folder


def test_an_application_without_its_caches_and_secrets(tmp_path: Path) -> None:
    found = files_of(app(tmp_path))
    assert found.files == ("certs/ca.pem", "fleet.toml", "run.sh", "shop/tasks.py")
    assert found.left_out == (".env", "certs/own.pem")
    assert found.changed == ()


def test_in_a_work_tree_git_says_what_belongs_to_it(tmp_path: Path) -> None:
    app(tmp_path)
    (tmp_path / ".gitignore").write_text("big.bin\n")
    (tmp_path / "big.bin").write_text("x")
    (tmp_path / "gone.py").write_text("x")
    for command in (["init", "-q"], ["add", "gone.py", "fleet.toml"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "gone.py").unlink()
    files = files_of(tmp_path).files
    assert files == (".gitignore", "certs/ca.pem", "fleet.toml", "run.sh", "shop/tasks.py")
    (tmp_path / ".gitignore").write_text("*.toml\n")
    subprocess.run(["git", "rm", "-q", "--cached", "fleet.toml"], cwd=tmp_path, check=True)
    with pytest.raises(OpsError, match="expected git to track it, it is ignored"):
        files_of(tmp_path)


def test_a_folder_without_a_manifest_is_none(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="expected a folder with a fleet") as refused:
        files_of(tmp_path)
    assert refused.value.code == Exit.USAGE


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "shop/../../x"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    app(tmp_path / "app")
    (tmp_path / "app/link").symlink_to(target)
    with pytest.raises(OpsError, match="expected a link to stay within"):
        files_of(tmp_path / "app")


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = app(tmp_path / "one"), app(tmp_path / "other")
    os.utime(other / "shop/tasks.py", (1, 1))
    (other / "shop/tasks.py").chmod(0o600)
    (one / "link.py").symlink_to("shop/tasks.py")
    (other / "link.py").symlink_to("shop/tasks.py")
    first, second = (pack(folder, files_of(folder).files) for folder in (one, other))
    assert first == second
    assert first.release == first.sha256[:12]
    assert first.files == 5
    (other / "shop/tasks.py").write_text("x = 2\n")
    assert pack(other, files_of(other).files).sha256 != first.sha256


def test_what_was_packed_is_unpacked_whole(tmp_path: Path) -> None:
    folder = app(tmp_path / "app")
    (folder / "link.py").symlink_to("shop/tasks.py")
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(pack(folder, files_of(folder).files, "r1").data)
    place = tmp_path / "releases/r1"
    unpack(archive, place)
    assert (place / "link.py").read_text() == "x = 1\n"
    assert os.access(place / "run.sh", os.X_OK)
    assert not os.access(place / "shop/tasks.py", os.X_OK)
    assert (place / "shop/tasks.py").stat().st_mode & 0o777 == 0o644
    # Once more leaves what is there alone.
    (place / "mark").write_text("")
    unpack(archive, place)
    assert (place / "mark").exists()
    assert sorted(path.name for path in place.parent.iterdir()) == ["r1"]


def packed(member: tarfile.TarInfo, data: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def escaping() -> list[tuple[str, bytes]]:
    link_out = tarfile.TarInfo("link")
    link_out.type, link_out.linkname = tarfile.SYMTYPE, "../../etc"
    device = tarfile.TarInfo("null")
    device.type = tarfile.CHRTYPE
    return [
        ("above", packed(tarfile.TarInfo("../up"))),
        ("link", packed(link_out)),
        ("device", packed(device)),
        ("torn", packed(tarfile.TarInfo("a"), b"")[:30]),
        ("junk", b"junk"),
        ("gzipped junk", gzip.compress(b"junk" * 400, mtime=0)),
    ]


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in escaping()])
def test_what_is_no_release_leaves_nothing_behind(tmp_path: Path, data: bytes) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(data)
    with pytest.raises(OpsError, match="expected a release"):
        unpack(archive, tmp_path / "releases/r1")
    assert list((tmp_path / "releases").iterdir()) == []
    assert not (tmp_path / "up").exists()


def test_a_link_changes_over_at_once(tmp_path: Path) -> None:
    for name in ("r1", "r2"):
        (tmp_path / name).mkdir()
        link(tmp_path / name, tmp_path / "current")
        assert (tmp_path / "current").resolve() == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "r1", "r2"]


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "..", "x" * 64, "a\n"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OpsError, match="release: expected"):
        pack(app(tmp_path), ["fleet.toml"], name)


def test_a_pointer_is_read_as_it_was_written() -> None:
    pointer = Pointer.to("r1", "0" * 64)
    assert Pointer.read(pointer.text()) == pointer
    assert pointer.key == "releases/r1.tar.gz"
    told = Pointer.to("r1", "0" * 64, ["mail", "box"])
    assert Pointer.read(told.text()) == told
    assert told.queues == ("box", "mail")


def test_a_pointer_with_many_queues_is_as_short_as_a_node_reads() -> None:
    many = Pointer.to("r1", "0" * 64, [f"queue-{number}" for number in range(500)])
    assert len(many.text()) <= MOST_BYTES
    assert Pointer.read(many.text()) == Pointer.to("r1", "0" * 64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "expected a JSON object"),
        (b"[]", "expected the texts"),
        (b'{"release": 1, "key": "", "sha256": ""}', "expected the texts"),
        (b'{"release": "../r", "key": "", "sha256": ""}', "release: expected the name of one"),
        (b'{"release": "r", "key": "x", "sha256": ""}', "key: expected releases/r.tar.gz"),
        (b'{"release": "r", "key": "releases/r.tar.gz", "sha256": "A"}', "sha256: expected 64"),
        (b"[" * 4096, "expected a JSON object"),
    ],
)
def test_a_pointer_that_is_none_says_what_was_expected(text: bytes, expected: str) -> None:
    with pytest.raises(BadPointer, match=expected):
        Pointer.read(text)
