"""An image's contents as `deploy/image/install.sh` makes them, and a node that runs on them alone.

It installs from the lock, which takes a package index.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.release.artifact import pack
from ops.release.contents import files_of
from ops.release.pointer import Pointer
from ops.release.store import make_current, put
from tests.cloud.local_stacks import REGION, client
from tests.e2e.fleet import REPOSITORY, wait_for
from tests.e2e.machine_work import Working, working

BUCKET = "works-artifacts"
SCRIPT = REPOSITORY / "deploy/image/install.sh"
WANTED = "etc/systemd/system/multi-user.target.wants/fleet-boot.service"
#: What the project has for its tests and its local AWS, and a node has not.
NOT_ON_A_NODE = ("hypothesis", "moto", "mypy", "psutil", "pytest", "ruff")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("FLEET_LONG" not in os.environ, reason="takes long: FLEET_LONG=1"),
    pytest.mark.timeout(900),
]


def install(root: Path, *more: str) -> subprocess.CompletedProcess[str]:
    # An activated environment is the shell's, and none of the image's.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [SCRIPT, "--python", sys.executable, "--root", root, *more],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def run(root: Path, *command: str) -> str:
    """Run a program of the image's, outside of the project's folder."""
    program, *args = command
    done = subprocess.run(
        [root / "opt/fleet/python/bin" / program, *args],
        cwd=root,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def put_release(on: Working) -> None:
    s3 = client(on.url, "s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    app = on.folder / "app"
    app.mkdir()
    for name in ("fleet.toml", "work.py"):
        (on.folder / name).rename(app / name)
        (on.folder / name).symlink_to(app / name)
    artifact = pack(app, files_of(app).files, "r1")
    put(s3, BUCKET, artifact)
    make_current(s3, BUCKET, Pointer.to(artifact.release, artifact.sha256))


def test_a_node_of_the_image_boots_and_works(tmp_path: Path) -> None:
    with working(tmp_path) as on:
        root = on.node.root
        done = install(root)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"a node's image is below {root}\n"

        found = json.loads(run(root, "python", "-m", "pip", "list", "--format", "json"))
        names = {each["name"].lower() for each in found}
        assert {"celery", "kombu", "boto3", "celery-sqs-fleet"} <= names
        assert not names & set(NOT_ON_A_NODE)
        for words in (("node", "agent"), ("node", "boot"), ("node", "ping")):
            assert "Usage: ops node" in run(root, "ops", *words, "--help")
        assert "worker" in run(root, "celery", "worker", "--help")

        put_release(on)
        boot = f"ops node boot --fleet works --queue work --bucket {BUCKET} --region {REGION}"
        on.node.tell(user_data=f"#!/bin/sh\nexec /opt/fleet/python/bin/{boot}\n")
        on.node.start()
        wait_for(
            lambda: on.node.ask("status")["user_data"] == {"state": "done", "exit": 0},
            "its boot",
        )
        on.work("first", "second")
        assert set(on.ran().values()) == {f"{root}/opt/fleet/python"}
        ping = {"script": "/opt/fleet/python/bin/ops node ping"}
        wait_for(lambda: on.node.ask("run", **ping)["exit"] == 0, "a node that is well")
        assert not [call for call in on.made() if call.error]

        # Again over what is there: it puts in order what somebody changed.
        (root / "etc/systemd/system/fleet-agent.service").write_text("")
        assert (root / "etc/fleet/boot.env").exists()
        assert (root / WANTED).is_symlink()
        assert install(root).returncode == 0
        # An image of this machine would not be this node.
        assert list((root / "etc/fleet").iterdir()) == []
        assert not (root / WANTED).is_symlink()
        unit = (root / "etc/systemd/system/fleet-agent.service").read_text()
        assert unit == (REPOSITORY / "deploy/systemd/fleet-agent.service").read_text()
