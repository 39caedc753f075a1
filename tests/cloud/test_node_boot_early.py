"""`ops node boot` on a machine that is not its own yet: no credentials, or another's image."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cloud.test_node_boot import REGION, Node
from tests.faulty import Faulty

CREDENTIALS = "/latest/meta-data/iam/security-credentials/"


@pytest.fixture
def node(aws: str, tmp_path: Path) -> Iterator[Node]:
    with Faulty(aws) as proxy:
        yield Node(proxy, tmp_path)


class Role(ThreadingHTTPServer):
    """A metadata service with a role's credentials, and without any for the first looks."""

    def __init__(self, looks: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.left = looks

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Role

    def do_PUT(self) -> None:
        self.say(200, "token")

    def do_GET(self) -> None:
        if self.path == CREDENTIALS:
            self.server.left -= 1
            self.say(*((404, "") if self.server.left >= 0 else (200, "shop-node")))
        elif self.path == f"{CREDENTIALS}shop-node":
            names = ("AccessKeyId", "SecretAccessKey", "Token")
            found = {**dict.fromkeys(names, "x"), "Expiration": "2099-01-01T00:00:00Z"}
            self.say(200, json.dumps({"Code": "Success", **found}))
        else:
            self.say(404, "")

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def role(node: Node, looks: int) -> Iterator[None]:
    with Role(looks) as server:
        node.role = server.url
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_a_role_that_comes_late_is_found(node: Node) -> None:
    node.put("r1")
    with role(node, looks=2):
        process = node.start("--patience", "1m")
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    first = said.splitlines()[0]
    assert first.startswith("AWS: expected the credentials of this machine's role")
    assert "instance profile" in first
    assert "sso login" not in said


def test_what_an_image_of_another_node_has_started_is_stopped_first(node: Node) -> None:
    node.put("r1")
    assert node.boot().returncode == 0
    said = len(node.systemctl())
    boot = node.root / "etc/fleet/boot.env"
    boot.write_text(boot.read_text().replace("mail", "video"))
    ran = node.boot()
    assert ran.returncode == 0
    assert ran.stderr.startswith(f"{boot}: this machine's image was a node for something else")
    assert node.systemctl()[said:] == [
        "stop fleet-boot.service fleet-agent.service fleet-worker@r1.service",
        "daemon-reload",
        "enable --quiet fleet-boot.service",
        "restart --no-block fleet-agent.service",
        "start --no-block fleet-worker@r1.service",
    ]
    assert "FLEET_QUEUE=mail\n" in boot.read_text()
    assert node.text("etc/fleet/node.env") == (
        f"FLEET_QUEUE=mail\nAWS_REGION={REGION}\nAWS_DEFAULT_REGION={REGION}\n"
    )


def test_an_image_stays_no_other_node_also_where_the_boot_fails(node: Node) -> None:
    boot = node.root / "etc/fleet/boot.env"
    boot.parent.mkdir(parents=True)
    boot.write_text("FLEET_NAME=shop\nFLEET_QUEUE=video\nFLEET_BUCKET=b\nAWS_REGION=x\n")
    assert node.boot().returncode == 1  # there is no release yet
    assert node.systemctl() == ["stop fleet-boot.service fleet-agent.service"]
    assert "FLEET_QUEUE=mail\n" in boot.read_text()
