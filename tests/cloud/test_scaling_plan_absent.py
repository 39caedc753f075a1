"""`ops scaling plan` of a fleet of which there is nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.local_stacks import admin
from tests.cloud.stack_shop import Shop


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, "nowhere")
    shop.write({"mail": "", "video": ""})
    yield shop
    admin(aws, "faults", "DELETE")


def test_where_there_is_nothing_one_line_says_what_makes_it(shop: Shop) -> None:
    ran = shop.run("scaling", "plan")
    assert (ran.returncode, ran.stdout) == (3, "")
    (line,) = ran.stderr.splitlines()
    assert line.startswith("fleet nowhere: expected its queues and groups, found none of them: ")
    assert "ops stack apply --yes" in line
    # JSON is told all of it.
    queues = json.loads(shop.run("scaling", "plan", "--json").stdout)["queues"]
    assert [set(each["unknown"]) for each in queues] == [{"queue", "group", "nodes"}] * 2
    # Denied is not absent.
    shop.fault(service="autoscaling", code="AccessDenied", status=403)
    ran = shop.run("scaling", "plan")
    assert (ran.returncode, len(ran.stdout.splitlines())) == (3, 3)
    assert "create it with ops queues apply --yes" in ran.stderr
