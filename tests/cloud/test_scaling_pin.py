"""`ops scaling pin` and `unpin` as a person runs them, against DynamoDB over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from ops.local.aws import local_environment
from ops.registry.registry import Registry
from ops.scaling.model import Pin
from tests.talk import without_waiting

ROOT = Path(__file__).parents[2]
TEXT = 'name = "pins"\nregion = "eu-west-1"\n[queues.mail]\ntasks = ["mail.*"]\nnodes.max = 8\n'


def test_a_queue_is_pinned_and_unpinned(aws: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(TEXT)
    env = local_environment(aws)

    def ops(*args: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "ops", *args],
            cwd=tmp_path,
            env={**env, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return without_waiting(ran)

    ran = ops("scaling", "pin", "mail", "5")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "create it with ops stores apply --yes" in ran.stderr

    assert ops("stores", "apply", "--yes").returncode == 0
    client = boto3.client(
        "dynamodb",
        endpoint_url=aws,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    registry = Registry(client, "pins-registry", "pins")

    def pin() -> Pin | None:
        return registry.read(time.time()).pins.get("mail")

    ran = ops("scaling", "pin", "mail", "5")
    assert ran.stdout == "mail: pinned at 5 nodes until it is unpinned\n"
    held = pin()
    assert held is not None
    assert (held.nodes, held.until) == (5, None)
    assert "@" in held.by

    begun = time.time()
    ran = ops("scaling", "pin", "mail", "2", "--for", "2h", "--json")
    held = pin()
    assert held is not None
    assert held.until == pytest.approx(begun + 7_200, abs=60)
    said = json.loads(ran.stdout)
    assert (said["queue"], said["pinned"]) == ("mail", 2)
    assert said["until"].endswith("Z")

    for _ in range(2):
        ran = ops("scaling", "unpin", "mail")
        assert (ran.returncode, pin()) == (0, None)
    assert ran.stderr == "mail: its policies decide again\n"
