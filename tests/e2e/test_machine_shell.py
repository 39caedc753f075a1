"""`ops node` on a node's own shell: nothing is set by hand, and what is in its file is checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import REPOSITORY
from tests.e2e.machines import ADDRESSES, INSTANCE, Node, machine

FLEET = '[queues.video]\ntasks = ["video.*"]\n'
#: The interpreter may be where only this user may read: what is needed is there before.
AS_ANOTHER = """
import os, sys
import ops.cli.app, ops.cli.node, ops.node.defaults
os.setuid(int(sys.argv[1]))
sys.exit(ops.cli.app.run(["node", "status"]))
"""
OPS = "/opt/fleet/python/bin/ops node"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A machine that has booted as `ops node boot` leaves it, but for its worker."""
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        for folder in ("etc/fleet", "etc/systemd/system", "opt/fleet/current"):
            (found.root / folder).mkdir(parents=True)
        shutil.copy(
            REPOSITORY / "deploy/systemd/fleet-agent.service", found.root / "etc/systemd/system"
        )
        (found.root / "opt/fleet/current/fleet.toml").write_text(f'name = "media"\n{FLEET}')
        (found.root / "etc/fleet/node.env").write_text("FLEET_QUEUE=video\nAWS_REGION=eu-west-1\n")
        found.start()
        yield found


def said(node: Node, script: str) -> dict[str, Any]:
    ran = node.ask("run", script=script)
    assert "Traceback" not in ran["stderr"]
    return ran


def test_a_shell_of_a_node_finds_its_agent_and_its_workers(node: Node) -> None:
    assert node.systemctl("start", "fleet-agent").returncode == 0
    pinged = said(node, f"{OPS} ping --json")
    account = json.loads(pinged["stdout"])
    assert (pinged["exit"], account["node"]) == (3, INSTANCE["instance_id"])
    assert (account["fleet"], account["queue"]) == ("media", "video")
    assert "no worker answers" in account["reasons"]
    for verb in ("status", "pause", "resume", "drain"):
        answer = said(node, f"{OPS} {verb}")
        assert answer["exit"] == 3
        assert f"{node.root}/run/fleet: expected the socket of a worker" in answer["stderr"]


def test_what_the_environment_says_comes_first(node: Node) -> None:
    elsewhere = f"FLEET_RUNTIME_DIR={node.root}/tmp FLEET_QUEUE=mail"
    assert f"{node.root}/tmp: expected" in said(node, f"{elsewhere} {OPS} status")["stderr"]
    refused = said(node, f"{elsewhere} {OPS} ping")
    assert refused["exit"] == 2
    assert f"{node.root}/opt/fleet/current/fleet.toml: expected a queue" in refused["stderr"]


@pytest.mark.parametrize("line", ["FLEET_QUEUE", "export FLEET_QUEUE=video", "A B=c", "A=\x1b[2J"])
def test_a_line_that_is_none_is_refused(node: Node, line: str) -> None:
    path = node.root / "etc/fleet/node.env"
    path.write_text(f"# of this node\n\nFLEET_QUEUE='video'\n{line}\n")
    refused = said(node, f"{OPS} status")
    assert refused["exit"] == 2
    assert refused["stderr"].startswith(f"{path}: line 4: expected NAME=value, found ")
    assert refused["stderr"].endswith(": ops node boot writes it anew\n")


def test_another_user_is_told_whose_the_sockets_are() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sockets = Path(folder) / "run/fleet"
        sockets.mkdir(parents=True)
        for path in (sockets.parent, Path(folder)):
            path.chmod(0o755)
        # Root may see everything, so somebody else asks.
        other = 65_534 if os.geteuid() == 0 else os.geteuid()
        sockets.chmod(0o700 if other != os.geteuid() else 0)
        ran = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER, str(other)],
            env={"FLEET_RUNTIME_DIR": str(sockets), "PYTHONPATH": str(REPOSITORY)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        sockets.chmod(0o700)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"{sockets}: expected to be user ")
    assert ran.stderr.endswith(": run it with sudo\n")
