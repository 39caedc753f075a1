"""`ops node boot` as a node's user data runs it: a release from S3 over HTTP, below a root."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from ops.local.aws import local_environment
from ops.release.artifact import pack
from ops.release.contents import files_of
from ops.release.pointer import CURRENT, Pointer
from ops.release.store import make_current, put
from tests.faulty import Fault, Faulty

ROOT = Path(__file__).parents[2]
REGION: Final = "eu-west-1"
NUMBERS = itertools.count(1)
MANIFEST = """
name = "shop"
[queues.mail]
tasks = ["mail.*"]
drain_budget = "2m"
[queues.mail.nodes]
memory = "1GiB"
"""


@dataclass
class Node:
    """A node's root, its application, and the bucket with its releases."""

    proxy: Faulty
    folder: Path
    bucket: str = field(default_factory=lambda: f"boot-artifacts-{next(NUMBERS)}")
    role: str = ""
    """Where the metadata service is whose credentials it has; none of its own."""

    def __post_init__(self) -> None:
        self.root, self.app, self.bin = (self.folder / name for name in ("root", "app", "bin"))
        for folder in (self.root, self.app, self.bin):
            folder.mkdir()
        (self.app / "fleet.toml").write_text(MANIFEST)
        (self.app / "mail.py").write_text("x = 1\n")
        systemctl = self.bin / "systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$@" >> {self.folder}/systemctl\n')
        systemctl.chmod(0o755)
        self.s3: Any = boto3.client(
            "s3", endpoint_url=self.proxy.url, region_name=REGION,
            aws_access_key_id="local", aws_secret_access_key="local",
        )  # fmt: skip
        self.s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def put(self, release: str) -> Pointer:
        artifact = pack(self.app, files_of(self.app).files, release)
        put(self.s3, self.bucket, artifact)
        pointer = Pointer.to(artifact.release, artifact.sha256)
        make_current(self.s3, self.bucket, pointer)
        return pointer

    def start(self, *more: str, queue: str = "mail") -> subprocess.Popen[str]:
        env = {
            **local_environment(self.proxy.url),
            "PYTHONPATH": str(ROOT),
            "FLEET_ROOT": str(self.root),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
        }
        if self.role:
            for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "EC2_METADATA_DISABLED"):
                del env[f"AWS_{name}"]
            env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.role
        return subprocess.Popen(
            [sys.executable, "-m", "ops", "node", "boot", "--fleet", "shop", "--queue", queue,
             "--bucket", self.bucket, "--region", REGION, *more],
            env=env, cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def boot(self, *more: str, queue: str = "mail") -> subprocess.CompletedProcess[str]:
        process = self.start("--patience", "0s", *more, queue=queue)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def systemctl(self) -> list[str]:
        said = self.folder / "systemctl"
        return said.read_text().splitlines() if said.exists() else []

    def text(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def node(aws: str, tmp_path: Path) -> Iterator[Node]:
    with Faulty(aws) as proxy:
        yield Node(proxy, tmp_path)


def test_a_node_comes_up_by_the_artifact_alone(node: Node) -> None:
    node.put("r1")
    ran = node.boot()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "release r1 of shop, queue mail: started\n"
    assert node.text("opt/fleet/releases/r1/mail.py") == "x = 1\n"
    assert (node.root / "opt/fleet/current").resolve() == node.root / "opt/fleet/releases/r1"
    assert node.text("etc/fleet/node.env") == (
        f"FLEET_QUEUE=mail\nAWS_REGION={REGION}\nAWS_DEFAULT_REGION={REGION}\n"
    )
    assert node.text("etc/fleet/boot.env") == (
        f"FLEET_NAME=shop\nFLEET_QUEUE=mail\nFLEET_BUCKET={node.bucket}\nAWS_REGION={REGION}\n"
    )
    assert node.text("etc/systemd/system/fleet-worker@r1.service.d/10-limits.conf") == (
        "[Service]\nTimeoutStopSec=180\nMemoryHigh=966367641\nMemoryMax=1073741824\n"
    )
    assert node.systemctl() == [
        "daemon-reload",
        "enable --quiet fleet-boot.service",
        "restart --no-block fleet-agent.service",
        "start --no-block fleet-worker@r1.service",
    ]


def test_booting_again_fetches_nothing_and_a_new_release_is_put_beside_the_old(node: Node) -> None:
    node.put("r1")
    assert node.boot().returncode == 0
    began = node.systemctl()
    node.proxy.forget()
    assert node.boot().returncode == 0
    assert [call for call in node.proxy.calls() if call.path.endswith(".gz")] == []
    assert node.systemctl() == [*began, *began]
    (node.app / "mail.py").write_text("x = 2\n")
    node.put("r2")
    assert node.boot().returncode == 0
    assert node.text("opt/fleet/current/mail.py") == "x = 2\n"
    assert node.text("opt/fleet/releases/r1/mail.py") == "x = 1\n"
    assert node.systemctl()[-3:] == [
        "restart --no-block fleet-agent.service",
        "start --no-block fleet-worker@r2.service",
        "stop --no-block fleet-worker@r1.service",
    ]


def test_it_waits_for_a_network_a_bucket_and_a_release(node: Node) -> None:
    node.proxy.fail(Fault("status", path=f"/{node.bucket}/{CURRENT}", calls=3))
    process = node.start("--patience", "1m")
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("AWS: reading releases/current.json")
    while "there is none yet" not in said:
        said = process.stderr.readline()
        assert said, "it ended"
    assert "ops release put; trying for" in said
    node.put("r1")
    _, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert node.systemctl()[-1].endswith("fleet-worker@r1.service")


def test_what_does_not_fit_its_hash_is_never_unpacked(node: Node) -> None:
    pointer = node.put("r1")
    node.s3.put_object(Bucket=node.bucket, Key=pointer.key, Body=b"other")
    ran = node.boot()
    assert ran.returncode == 1
    assert f"expected SHA-256 {pointer.sha256}, found" in ran.stderr
    assert list((node.root / "opt/fleet/releases").iterdir()) == []
    assert node.systemctl() == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", "expected the texts release, key, sha256"),
        (b'{"release": "../../x", "key": "", "sha256": ""}', "release: expected the name of one"),
    ],
)
def test_a_pointer_that_is_none_is_told(node: Node, body: bytes, expected: str) -> None:
    node.s3.put_object(Bucket=node.bucket, Key=CURRENT, Body=body)
    ran = node.boot()
    assert ran.returncode == 1
    assert expected in ran.stderr


def test_a_release_of_another_fleet_is_refused(node: Node) -> None:
    node.put("r1")
    ran = node.boot(queue="video")
    assert ran.returncode == 1
    assert "expected fleet shop with a queue video, found fleet shop with mail" in ran.stderr
    assert node.systemctl() == []


def test_a_broken_manifest_is_told_line_by_line(node: Node) -> None:
    (node.app / "fleet.toml").write_text('name = "shop"\n')
    node.put("r1")
    ran = node.boot()
    assert ran.returncode == 1
    assert "queues: expected at least one queue" in ran.stderr


def test_a_unit_that_does_not_start_is_told(node: Node) -> None:
    node.put("r1")
    (node.bin / "systemctl").write_text("#!/bin/sh\necho no such unit >&2\nexit 5\n")
    ran = node.boot()
    assert ran.returncode == 1
    assert "systemctl daemon-reload: expected it to succeed, exit 5: no such unit" in ran.stderr


def test_packages_that_a_release_brings_are_installed_beside_it(node: Node) -> None:
    make_wheel(node.app / "wheels/tiny-1.0-py3-none-any.whl")
    node.put("r1")
    assert node.boot().returncode == 0
    assert node.text("opt/fleet/releases/r1/site/tiny.py") == "y = 1\n"
    assert (
        "Environment=PYTHONPATH=/opt/fleet/releases/r1/site"
        in node.text("etc/systemd/system/fleet-worker@r1.service.d/10-limits.conf").splitlines()
    )


def test_a_kill_in_the_middle_leaves_nothing_half_done(node: Node) -> None:
    pointer = node.put("r1")
    node.proxy.fail(Fault("silent", path=f"/{node.bucket}/{pointer.key}"))
    process = node.start("--patience", "1m")
    until = time.monotonic() + 30
    while not node.proxy.count(path=f"/{node.bucket}/{pointer.key}"):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not (node.root / "opt/fleet/releases/r1").exists()
    node.proxy.clear()
    assert node.boot().returncode == 0
    assert node.text("opt/fleet/releases/r1/mail.py") == "x = 1\n"


def make_wheel(path: Path) -> None:
    path.parent.mkdir()
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", "y = 1\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
