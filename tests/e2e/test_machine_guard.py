"""A machine's metadata service hands a role's credentials to its programs, and to no web page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machines import ADDRESSES, Node, machine
from tests.pages import sent

TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as node:
        yield _started(node)


def _started(node: Node) -> str:
    node.start()
    return str(node.ask("status")["metadata"])


def test_a_page_gets_no_token_and_no_credentials(url: str) -> None:
    status, token, _ = sent(url, "PUT", "/latest/api/token", TTL)
    assert status == 200
    knows = {"X-aws-ec2-metadata-token": token}
    path = "/latest/meta-data/instance-id"
    assert sent(url, "GET", path, knows)[0] == 200
    for browser in (
        {"Origin": "https://site.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example"},
    ):
        for method, asked, more in (("PUT", "/latest/api/token", TTL), ("GET", path, knows)):
            status, text, names = sent(url, method, asked, {**more, **browser})
            assert status == 403
            assert text.startswith(f"{next(iter(browser))}: expected ")
            assert not [name for name in names if name.startswith("access-control-")]
    assert sent(url, "OPTIONS", "/latest/api/token", TTL)[0] == 403
