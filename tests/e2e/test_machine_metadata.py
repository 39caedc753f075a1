"""The metadata service of a machine, and the credentials that come of it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import wait_for
from tests.e2e.machines import ADDRESSES, INSTANCE, Node, machine


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        yield found


def metadata(node: Node, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    url = str(node.ask("status")["metadata"]).rstrip("/")
    request = urllib.request.Request(
        url + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def token(node: Node, seconds: int = 60) -> str:
    status, found = metadata(
        node, "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=str(seconds)
    )
    assert status == 200
    return found


def test_the_metadata_service_is_version_2(node: Node) -> None:
    node.start()
    known = {"X_aws_ec2_metadata_token": token(node)}
    assert node.ask("status")["metadata"].startswith(f"http://{node.address}:")

    def get(path: str) -> tuple[int, str]:
        return metadata(node, f"/latest/{path}", **known)

    assert get("meta-data/instance-id") == (200, INSTANCE["instance_id"])
    assert get("meta-data/instance-life-cycle") == (200, "spot")
    assert get("meta-data/placement/region") == (200, "eu-west-1")
    assert get("meta-data/placement/") == (200, "availability-zone\nregion")
    assert get("meta-data/tags/instance/") == (200, "fleet:name\nfleet:queue")
    assert get("meta-data/tags/instance/fleet:queue") == (200, "video")
    assert get("meta-data/tags/instance/fleet%3Aqueue") == (200, "video")
    assert get("meta-data/iam/security-credentials/") == (200, "media-node")
    assert '"instanceType": "m7g.large"' in get("dynamic/instance-identity/document")[1]
    for path in (
        "meta-data/spot/instance-action",
        "meta-data/events/recommendations/rebalance",
        "meta-data/autoscaling/target-lifecycle-state",
        "meta-data/none",
        "user-data",
    ):
        assert get(path) == (404, "")
    at = "2026-01-01T00:02:00Z"
    node.tell(target_lifecycle_state="Terminated", spot_action={"action": "terminate", "time": at})
    assert get("meta-data/autoscaling/target-lifecycle-state") == (200, "Terminated")
    assert get("meta-data/spot/instance-action")[1] == f'{{"action": "terminate", "time": "{at}"}}'
    node.tell(role=None)
    assert get("meta-data/iam/security-credentials/")[0] == 404


def test_a_token_is_wanted_and_ends(node: Node) -> None:
    node.start()
    path = "/latest/meta-data/instance-id"
    assert metadata(node, path)[0] == 401
    assert metadata(node, path, X_aws_ec2_metadata_token="made-up")[0] == 401
    for seconds in ("0", "21601", "x", "-1", ""):
        wrong = {"X_aws_ec2_metadata_token_ttl_seconds": seconds}
        assert metadata(node, "/latest/api/token", "PUT", **wrong)[0] == 400
    good = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
    assert metadata(node, "/latest/api/token", "PUT", X_Forwarded_For="1.2.3.4", **good)[0] == 403
    assert metadata(node, "/latest/api/other", "PUT", **good)[0] == 405
    assert metadata(node, path, "DELETE")[0] == 405
    short, long = token(node, 1), token(node)
    wait_for(lambda: metadata(node, path, X_aws_ec2_metadata_token=short)[0] == 401, "its end")
    assert metadata(node, path, X_aws_ec2_metadata_token=long)[0] == 200


WHO = """
import botocore.session
found = botocore.session.get_session().get_credentials()
print(found.method, found.access_key, found.token)
"""


def test_its_processes_get_the_roles_credentials_and_no_other(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "somebody")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (node.root / "who.py").write_text(WHO)
    node.start()
    ran = node.ask("run", script=f"/opt/fleet/python/bin/python {node.root}/who.py")
    assert ran["exit"] == 0, ran
    key = INSTANCE["credentials"]["AccessKeyId"]
    assert ran["stdout"] == f"iam-role {key} a-token\n"
    node.tell(credentials=None)
    ran = node.ask("run", script=f"/opt/fleet/python/bin/python {node.root}/who.py")
    assert "AttributeError" in ran["stderr"]  # there are none
