"""Names that the local AWS makes files and folders of: those that lead elsewhere are refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.errors import Exit, OpsError
from ops.local.names import part
from ops.local.tail import node_folder
from tests.cloud.ecs_tasks import OBEYS, Tasks, container
from tests.cloud.machines import Fleet, machines, until

OTHERS = ["../esc", "../../../esc", "a/b", "..", ".", "a.b", "/tmp/esc", "a\nb", "a\\b", "é"]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("a") / "b" / "c"
    folder.mkdir(parents=True)
    with machines(folder) as fleet:
        fleet.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        yield fleet


@pytest.fixture(scope="module")
def tasks(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Tasks:
    return Tasks(fleet, tmp_path_factory.mktemp("notes"))


def create(fleet: Fleet, name: str, handler: str = "index.handler") -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return 'ran'\n")
    fleet.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler=handler,
        Role="arn:aws:iam::123456789012:role/r",
        Code={"ZipFile": packed.getvalue()},
    )


def said(error: ClientError) -> tuple[str, str]:
    found: dict[str, Any] = error.response["Error"]  # type: ignore[assignment]
    return found["Code"], found["Message"]


def paths(fleet: Fleet) -> set[Path]:
    """What there is in the folder of the local AWS and two above it."""
    return set(fleet.folder.parents[1].rglob("*"))


@pytest.mark.parametrize("name", [*OTHERS, "", "x" * 65])
def test_a_function_s_name_is_no_path(fleet: Fleet, name: str) -> None:
    before = paths(fleet)
    with pytest.raises(ClientError) as refused:
        create(fleet, name)
    code, message = said(refused.value)
    assert code == "ValidationException"
    assert "at 'functionName' failed to satisfy constraint: Member must satisfy" in message
    assert paths(fleet) == before
    # Not there either, to be run.
    with pytest.raises(ClientError):
        fleet.client("lambda").invoke(FunctionName=name or "none")
    assert paths(fleet) == before


@pytest.mark.parametrize(
    "handler", ["../x.handler", "/tmp/x.handler", "a/../../x.handler", "a b.handler", "x" * 129]
)
def test_a_handler_lies_in_its_code(fleet: Fleet, handler: str) -> None:
    name = f"handled-{len(handler)}"
    with pytest.raises(ClientError) as refused:
        create(fleet, name, handler)
    code, message = said(refused.value)
    assert (code, "at 'handler' failed to satisfy" in message) == ("ValidationException", True)
    create(fleet, name)
    with pytest.raises(ClientError) as refused:
        fleet.client("lambda").update_function_configuration(FunctionName=name, Handler=handler)
    assert said(refused.value)[0] == "ValidationException"


def test_a_name_that_lambda_takes_runs_and_has_its_log(fleet: Fleet) -> None:
    create(fleet, f"Mail_2-{'x' * 57}")
    ran = fleet.client("lambda").invoke(FunctionName=f"Mail_2-{'x' * 57}")
    assert json.load(ran["Payload"]) == "ran"
    assert (fleet.folder / "lambda" / f"Mail_2-{'x' * 57}.log").is_file()


@pytest.mark.parametrize("name", OTHERS)
def test_a_container_s_name_is_no_path(tasks: Tasks, name: str) -> None:
    family = f"named-{OTHERS.index(name)}"
    before = paths(tasks.fleet)
    tasks.define(family, container(name, OBEYS))
    tasks.serve(family)
    assert refusal_of(tasks, family).startswith(f"{name!r}: expected up to 255 letters")
    assert paths(tasks.fleet) == before
    tasks.ecs.delete_service(cluster=tasks.cluster, service=family, force=True)


@pytest.mark.parametrize("volume", OTHERS)
def test_a_volume_s_name_is_no_path(tasks: Tasks, volume: str) -> None:
    family = f"volume-{OTHERS.index(volume)}"
    before = paths(tasks.fleet)
    mounts = [{"containerPath": "/data", "sourceVolume": volume}]
    tasks.define(family, container("worker", OBEYS, mountPoints=mounts), volumes=[{"name": volume}])
    tasks.serve(family)
    assert refusal_of(tasks, family).endswith(f"its volumes, got {volume!r}")
    assert paths(tasks.fleet) == before
    tasks.ecs.delete_service(cluster=tasks.cluster, service=family, force=True)


def refusal_of(tasks: Tasks, family: str) -> str:
    """Return why the task of a service could not be started."""
    stopped = until("a task", lambda: tasks.ids(family, "STOPPED"))
    reason: str = tasks.task(stopped[0])["stoppedReason"]
    return reason


@pytest.mark.parametrize("name", [*OTHERS, "", "x" * 256])
def test_no_machine_has_such_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name of up to 255 letters"):
        part(name)
    assert part("i-0123456789abcdef0") == "i-0123456789abcdef0"


@pytest.mark.parametrize("name", ["..", "../nodes/i-1", "i-1/../../secret", "/etc", "../secret"])
def test_logs_are_those_of_a_node_and_of_nothing_else(tmp_path: Path, name: str) -> None:
    for folder in ("nodes/i-1/log", "nodes/i-2/log", "secret/log"):
        (tmp_path / folder).mkdir(parents=True)
    assert node_folder(tmp_path, "i-1") == tmp_path / "nodes/i-1"
    with pytest.raises(OpsError, match="expected one node of this local fleet, found none") as no:
        node_folder(tmp_path, name)
    assert no.value.code == Exit.USAGE
