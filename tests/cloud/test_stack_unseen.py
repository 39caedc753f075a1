"""`ops stack apply --yes` whose plan nobody can see: nothing is made, and nothing is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ops.local.aws import local_environment
from tests.cloud.stack_shop import ROOT, Shop, shop_alone

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_alone(tmp_path_factory.mktemp("unseen"), "unseen") as shop:
        shop.write({"mail": ""})
        yield shop


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            "full",
            ["expected to write the result, found No space left on device: write it elsewhere"],
        ),
        ("unread", []),
    ],
)
def test_a_plan_that_cannot_be_shown_is_withdrawn(shop: Shop, kind: str, why: list[str]) -> None:
    if kind == "full":
        out = os.open("/dev/full", os.O_WRONLY)
    else:
        unread, out = os.pipe()
        os.close(unread)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "ops", "stack", "apply", "--yes"],
            cwd=shop.folder,
            env={**local_environment(shop.url), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(out)
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("withdrawing")]
    assert lines[lines.index("nothing was changed: the plan could not be shown") + 1 :] == why
    assert (shop.stacks(), shop.proposed()) == ({}, [])
