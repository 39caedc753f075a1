"""What `ops node` takes for granted on a node, and where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.node.defaults import NODE_FILE, defaults

UNITS = Path(__file__).parents[2] / "deploy/systemd"


def node(root: Path, text: str = "FLEET_QUEUE=video\nAWS_REGION=eu-west-1\n") -> dict[str, str]:
    path = root / NODE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {"FLEET_ROOT": str(root)}


def test_a_machine_that_is_no_node_has_none(tmp_path: Path) -> None:
    assert defaults({"FLEET_ROOT": str(tmp_path)}) == {}
    assert defaults({"FLEET_ROOT": "/dev/null"}) == {}


def test_its_places_are_those_of_the_agents_unit(tmp_path: Path) -> None:
    unit = (UNITS / "fleet-agent.service").read_text()
    told = dict(re.findall(r"(FLEET_[A-Z_]+)=(\S+)", unit))
    assert set(told) == {"FLEET_RUNTIME_DIR", "FLEET_MANIFEST"}
    assert f"EnvironmentFile=/{NODE_FILE}" in unit
    assert defaults(node(tmp_path)) == {
        "AWS_REGION": "eu-west-1",
        "FLEET_QUEUE": "video",
        **{name: f"{tmp_path}{path}" for name, path in told.items()},
    }


def test_what_the_environment_has_is_left_alone_and_what_is_the_workers_too(
    tmp_path: Path,
) -> None:
    text = "FLEET_QUEUE='video'\nPATH=/somewhere\nLD_PRELOAD=x\nFLEET_MANIFEST=/a\n"
    found = defaults({**node(tmp_path, text), "FLEET_QUEUE": ""})
    assert found == {"FLEET_RUNTIME_DIR": f"{tmp_path}/run/fleet", "FLEET_MANIFEST": "/a"}


@pytest.mark.parametrize("text", ["x" * 70_000, "\x00", "1A=b", "=b"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(OpsError, match=NODE_FILE) as refused:
        defaults(node(tmp_path, text))
    assert refused.value.code == 2
