"""The code of the fleet's Lambdas as one zip: ours, what it depends on, and the manifest.

It is made of what is installed here, so it is for this machine's architecture and Python: the
stack asks for the same of Lambda, and a machine unlike Lambda's is refused. The same installation
makes the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ops
import worker
from ops.errors import OpsError
from ops.stack.lambda_platform import here, target

if TYPE_CHECKING:
    from worker.fleet import Fleet

_DISTRIBUTION: Final = "celery-sqs-fleet"
#: Lambda's runtimes bring these along (Developer Guide, "Runtime-included SDK versions").
_THERE: Final = frozenset({"boto3", "botocore", "s3transfer"})
#: For people at a terminal; no handler of ours imports them.
_NOT_NEEDED: Final = frozenset({"rich", "markdown-it-py", "mdurl", "pygments", "prompt-toolkit"})
_LEFT_OUT: Final = ("__pycache__", "tests", "test")
_SUFFIXES_LEFT_OUT: Final = (".pyc", ".pyi", ".pth")
#: Unzipped, with all layers (Lambda quotas).
_AT_MOST_BYTES: Final = 250 * 1024 * 1024
# The earliest time that a zip can hold.
_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Code:
    """What is in the zip, the key under which it lies in the artifact bucket, what it runs on.

    The key is made of what is in it; `runtime` and `architecture` are Lambda's names.
    """

    files: Mapping[str, bytes]
    key: str
    runtime: str
    architecture: str

    def packed(self) -> bytes:
        """Return the zip: the same bytes for the same files."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, data in self.files.items():
                info = zipfile.ZipInfo(name, _TIME)
                info.external_attr = 0o644 << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, data, compresslevel=1)
        return packed.getvalue()


def build(fleet: Fleet) -> Code:
    """Return the code of the fleet's Lambdas.

    Raises OpsError where it would be too large, and where what is installed here does not run on
    Lambda.
    """
    on = target(here(), _runtimes())
    files = {name: path.read_bytes() for name, path in sorted(_files(fleet))}
    size = sum(map(len, files.values()))
    if size > _AT_MOST_BYTES:
        raise OpsError(
            f"the Lambdas' code: expected at most {_AT_MOST_BYTES >> 20} MiB, found "
            f"{size >> 20} MiB: install celery-sqs-fleet into an environment of its own"
        )
    return Code(files, key=_key(files), runtime=on.runtime, architecture=on.architecture)


def _key(files: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, data in files.items():
        whole.update(f"{name}\0{len(data)}\0".encode())
        whole.update(data)
    return f"lambda/{whole.hexdigest()[:32]}.zip"


def _runtimes() -> frozenset[str]:
    """Return the Pythons that Lambda has, as far as the installed botocore knows."""
    from botocore.session import get_session  # noqa: PLC0415

    shape: Any = get_session().get_service_model("lambda").shape_for("Runtime")
    return frozenset(name for name in shape.enum if name.startswith("python"))


def _files(fleet: Fleet) -> Iterator[tuple[str, Path]]:
    for package in (ops, worker):
        root = Path(package.__path__[0])
        for path in root.rglob("*"):
            if path.is_file() and not _left_out(path.relative_to(root.parent)):
                yield path.relative_to(root.parent).as_posix(), path
    yield "fleet.toml", fleet.path
    for name in sorted(_needed()):
        for file in importlib.metadata.distribution(name).files or ():
            place = Path(str(file))
            # What lies outside, such as ../../../bin, is a command's.
            if place.parts[0] != ".." and not _left_out(place):
                yield place.as_posix(), Path(str(file.locate()))


def _left_out(path: Path) -> bool:
    return any(part in _LEFT_OUT for part in path.parts) or path.suffix in _SUFFIXES_LEFT_OUT


def _needed() -> set[str]:
    """Return the distributions that ours needs, itself left out, by their normal names."""
    found: set[str] = set()
    asked = [_DISTRIBUTION]
    while asked:
        for requirement in importlib.metadata.requires(asked.pop()) or ():
            name = _wanted(requirement)
            if name and name not in found | _THERE | _NOT_NEEDED:
                found.add(name)
                asked.append(name)
    return found


def _wanted(requirement: str) -> str:
    """Return the name of what is required here and without extras, else ""."""
    spec, _, marker = requirement.partition(";")
    if "extra" in marker:
        return ""
    name = re.split(r"[\s\[<>=!~(]", spec.strip(), maxsplit=1)[0]
    normal = re.sub(r"[-_.]+", "-", name).lower()
    try:
        importlib.metadata.distribution(normal)
    except importlib.metadata.PackageNotFoundError:
        # A marker (a platform, a Python) left it out of this environment.
        return ""
    return normal
