"""`ops node boot` on a disk that does not take what it writes: a line, and another try."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.release.artifact import MOST_BYTES
from tests.cloud.test_node_boot import Node, make_wheel
from tests.faulty import Fault, Faulty


@pytest.fixture
def node(aws: str, tmp_path: Path) -> Iterator[Node]:
    with Faulty(aws) as proxy:
        yield Node(proxy, tmp_path)


def _file(node: Node, path: str) -> None:
    (node.root / path).parent.mkdir(parents=True, exist_ok=True)
    (node.root / path).write_text("in the way")


def _folder(node: Node, path: str) -> None:
    (node.root / path / "in the way").mkdir(parents=True)


@pytest.mark.parametrize(
    ("spoil", "place", "found"),
    [
        (lambda node: _file(node, "opt"), "opt/fleet/releases/r1", "Not a directory"),
        (lambda node: _file(node, "opt/fleet/releases"), "opt/fleet/releases/r1", "File exists"),
        (lambda node: _file(node, "etc"), "etc/fleet/node.env", "Not a directory"),
        (
            lambda node: _folder(node, "etc/fleet/node.env"),
            "etc/fleet/node.env",
            "Is a directory",
        ),
        (lambda node: _folder(node, "opt/fleet/current"), "opt/fleet/current", "Is a directory"),
    ],
    ids=["no folder", "no releases", "no etc", "no file", "no link"],
)
def test_what_cannot_be_written_is_a_line(
    node: Node, spoil: Callable[[Node], None], place: str, found: str
) -> None:
    node.put("r1")
    spoil(node)
    ran = node.boot()
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert line == (
        f"{node.root / place}: expected to write it, found: {found}: see what is in its place"
    )
    assert node.systemctl() == []


def test_packages_that_cannot_be_put_in_their_place_are_a_line(node: Node) -> None:
    make_wheel(node.app / "wheels/tiny-1.0-py3-none-any.whl")
    (node.app / "site").write_text("in the way")
    node.put("r1")
    ran = node.boot()
    place = node.root / "opt/fleet/releases/r1/site"
    assert ran.stderr.startswith(f"{place}: expected to write it, found: ")
    assert not (node.root / "opt/fleet/current").exists()


@pytest.mark.parametrize("room", [64, 4096], ids=["what is fetched", "what is unpacked"])
def test_a_full_disk_is_waited_for(node: Node, room: int) -> None:
    """The artifact has no room of 64 bytes, its largest file none of 4096."""
    (node.app / "zeros.py").write_text("#" * 100_000)
    key = node.put("r1").key
    assert 64 < node.s3.head_object(Bucket=node.bucket, Key=key)["ContentLength"] < 4096
    started = node.start("--patience", "1m")
    resource.prlimit(started.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    assert started.stderr is not None
    said = started.stderr.readline()
    place = node.root / "opt/fleet/releases/r1"
    assert said.startswith(f"{place}: expected to write it, found: File too large: "), said
    assert "; trying for " in said
    assert [path for path in place.parent.iterdir() if path.name == "r1"] == []
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(started.pid, resource.RLIMIT_FSIZE, unlimited)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 0, said
    assert "Traceback" not in said
    assert [path.name for path in place.parent.iterdir()] == ["r1"]


def test_an_object_larger_than_any_release_does_not_fill_the_disk(node: Node) -> None:
    pointer = node.put("r1")
    most = MOST_BYTES >> 20
    node.proxy.fail(
        Fault("large", method="GET", path=f"/{node.bucket}/{pointer.key}", mebibytes=most + 1)
    )
    ran = node.boot()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"s3://{node.bucket}/{pointer.key}: expected at most {most} MiB, found more\n"
    )
    assert list((node.root / "opt/fleet/releases").iterdir()) == []
