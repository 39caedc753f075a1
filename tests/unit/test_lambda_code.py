"""The zip of the Lambdas: the same each time, nothing missing in it, and nothing too much."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.stack import lambda_code
from ops.stack.yaml_reading import template
from worker.fleet import Fleet, load

MANIFEST = 'name = "shop"\nregion = "eu-central-1"\n[queues.mail]\ntasks = ["mail.*"]\n'
#: Lambda's Python runtimes have these (Lambda Developer Guide, "Runtime-included SDK versions"),
#: with what they need.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")
#: What is not there: -I and -S leave the interpreter with its standard library alone.
IMPORT = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:3]
for name in sys.argv[3:]:
    package = importlib.import_module(name)
    for each in pkgutil.walk_packages(package.__path__, f"{name}."):
        importlib.import_module(each.name)
    print(name, package.__file__)
"""
HANDLER = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
module, _, name = sys.argv[3].rpartition(".")
assert callable(getattr(importlib.import_module(module), name))
print(sys.modules[module].__file__)
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    path = tmp_path_factory.mktemp("app") / "fleet.toml"
    path.write_text(MANIFEST)
    return load(path)


@pytest.fixture(scope="module")
def code(fleet: Fleet) -> lambda_code.Code:
    return lambda_code.build(fleet)


@pytest.fixture(scope="module")
def places(code: lambda_code.Code, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The zip unpacked, and what Lambda has by itself."""
    folder, sdk = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("sdk")
    with zipfile.ZipFile(io.BytesIO(code.packed())) as archive:
        archive.extractall(folder)
    for name in SDK:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        file = Path(str(spec.origin))
        source = file.parent if file.name == "__init__.py" else file
        (sdk / source.name).symlink_to(source)
    return str(folder), str(sdk)


def alone(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *arguments],
        cwd=cwd,
        env={"PATH": os.defpath, "AWS_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def names(code: lambda_code.Code) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(code.packed())) as archive:
        return archive.namelist()


def handlers() -> list[str]:
    resources: Mapping[str, Mapping[str, object]] = template("shared")["Resources"]
    functions = [one for one in resources.values() if one["Type"] == "AWS::Lambda::Function"]
    return [one["Properties"]["Handler"] for one in functions]  # type: ignore[index]


def test_the_templates_name_both_handlers() -> None:
    assert sorted(handlers()) == [
        "ops.queues.forward_lambda.handler",
        "ops.scaling.scaling_lambda.handler",
    ]


@pytest.mark.parametrize("handler", handlers())
def test_a_handler_needs_the_zip_and_what_lambda_has(
    handler: str, places: tuple[str, str], tmp_path: Path
) -> None:
    ran = alone(HANDLER, *places, handler, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(places[0])


def test_what_handlers_import_later_is_in_it_as_well(
    places: tuple[str, str], tmp_path: Path
) -> None:
    packages = ("ops.queues", "ops.registry", "ops.scaling.sources", "worker.manifest")
    ran = alone(IMPORT, *places, *packages, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == len(packages)


def test_the_same_installation_makes_the_same_bytes(fleet: Fleet, code: lambda_code.Code) -> None:
    os.utime(fleet.path, (1, 1))
    again = lambda_code.build(fleet)
    assert again == code
    assert code.key.startswith("lambda/")
    assert code.key.endswith(".zip")


def test_another_manifest_is_another_key(code: lambda_code.Code, tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(f"{MANIFEST}# another\n")
    assert lambda_code.build(load(path)).key != code.key


def test_the_manifest_is_where_a_handler_looks_for_it(places: tuple[str, str]) -> None:
    assert (Path(places[0]) / "fleet.toml").read_text() == MANIFEST


def test_nothing_lies_beside_the_manifest_but_code(fleet: Fleet) -> None:
    beside = fleet.path.parent
    for name in (".env", "celeryconfig.py", "id_rsa", "notes.txt"):
        (beside / name).write_text("TOKEN = 'zyxwv-98765'\n")
    with pytest.MonkeyPatch.context() as moved:
        # As `python -m ops` has it: the working folder can be imported from.
        moved.chdir(beside)
        moved.syspath_prepend(str(beside))
        packed = lambda_code.build(fleet)
    with zipfile.ZipFile(io.BytesIO(packed.packed())) as archive:
        assert not [name for name in archive.namelist() if b"zyxwv-98765" in archive.read(name)]


def test_it_has_no_caches_no_commands_and_no_sdk(code: lambda_code.Code) -> None:
    found = names(code)
    assert len(found) == len(set(found))
    for name in found:
        assert not name.startswith(("/", "..")), name
        assert "__pycache__" not in name, name
        assert not name.endswith((".pyc", ".pth")), name
    tops = {name.partition("/")[0] for name in found}
    assert not tops & {"boto3", "botocore", "rich", "moto", "pytest", "bin"}
    assert {"ops", "worker", "celery", "kombu", "pydantic"} <= tops


def test_it_is_far_below_what_lambda_takes(code: lambda_code.Code) -> None:
    with zipfile.ZipFile(io.BytesIO(code.packed())) as archive:
        size = sum(one.file_size for one in archive.infolist())
    # 250 MB unzipped; 50 MB where a zip is uploaded directly (Lambda quotas).
    assert size < 100_000_000
    assert len(code.packed()) < 50_000_000


def test_one_that_is_too_large_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(MANIFEST)
    big = load(path)
    # A sparse file takes no room, and a manifest is read whole.
    with path.open("r+b") as file:
        file.truncate(251 * 1024 * 1024)
    with pytest.raises(OpsError, match=r"expected at most 250 MiB, found 2[5-9][0-9] MiB: install"):
        lambda_code.build(big)
