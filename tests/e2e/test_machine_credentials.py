"""A node whose credentials end again and again: agent and worker go on with the next ones."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from ops.local.identity import key_of, key_until
from tests.cloud.local_stacks import client
from tests.e2e.fleet import REPOSITORY, wait_for
from tests.e2e.machine_work import ID, ROLE, Working, working

LAST_SECONDS = 4.0
AGENT = "/opt/fleet/python/bin/ops node agent"
UNITS = ("fleet-agent", "fleet-worker@r1")
#: What each of the two calls of AWS for as long as it runs.
CALLS = {"sqs:ReceiveMessage", "dynamodb:UpdateItem"}


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    """A machine as `ops node boot` leaves it, its agent the one that speaks every second."""
    with working(tmp_path_factory.mktemp("aws")) as found:
        root = found.node.root
        release = root / "opt/fleet/releases/r1"
        often = root / "etc/systemd/system/fleet-agent.service.d/often.conf"
        for folder in (release, often.parent, root / "etc/fleet"):
            folder.mkdir(parents=True)
        for name in ("fleet.toml", "work.py"):
            shutil.copy(found.folder / name, release)
        (root / "opt/fleet/current").symlink_to(release)
        for unit in (REPOSITORY / "deploy/systemd").glob("fleet-*.service"):
            shutil.copy(unit, root / "etc/systemd/system")
        often.write_text(f"[Service]\nExecStart=\nExecStart={AGENT} --every 1s\n")
        (root / "etc/fleet/node.env").write_text("FLEET_QUEUE=work\nAWS_REGION=eu-west-1\n")
        found.node.tell(credentials_seconds=LAST_SECONDS)
        found.node.start()
        yield found


def test_agent_and_worker_go_on_with_the_next_credentials(on: Working) -> None:
    assert on.node.systemctl("start", *UNITS).returncode == 0
    on.work("first")
    pids = {unit: on.node.status(unit)["pid"] for unit in UNITS}
    began = time.time()

    def renewed_twice() -> bool:
        """Whether both have been answered when two more keys than the first were over."""
        since = began + 3 * LAST_SECONDS
        late = [call for call in on.made() if call.at > since and call.status == 200]
        return {call.action for call in late} >= CALLS

    wait_for(renewed_twice, "calls with later keys")
    on.work("second", "third")
    # Nobody used a key that was over: each took the next one before.
    assert not Counter((call.action, call.error) for call in on.made() if call.error)
    assert pids == {unit: on.node.status(unit)["pid"] for unit in UNITS}


def test_the_local_aws_refuses_a_key_that_is_over(on: Working) -> None:
    def call(service: str, method: str, end: float) -> None:
        getattr(client(on.url, service, key=key_until(key_of(ROLE, ID), end)), method)()

    for service, method in (
        ("sqs", "list_queues"),
        ("dynamodb", "list_tables"),
        ("autoscaling", "describe_auto_scaling_groups"),
        ("s3", "list_buckets"),
    ):
        with pytest.raises(ClientError, match="ExpiredToken"):
            call(service, method, time.time() - 1)
        call(service, method, time.time() + 60)
    assert {call.role for call in on.made()} == {ROLE}
