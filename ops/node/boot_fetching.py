"""A booting node's release: from S3, by its hash, with the packages that it brings along."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors
from ops.disk import disk_errors
from ops.errors import OpsError
from ops.node.boot_running import run
from ops.node.boot_trying import is_denied
from ops.release.artifact import MOST_BYTES
from ops.release.store import current
from ops.release.unpack import unpack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ops.release.pointer import Pointer

_PIECE_BYTES: Final = 1 << 20


def fetched(s3: S3Client, bucket: str, releases: Path) -> Pointer:
    """Return the release in force, which has a folder in `releases` then. Raises OpsError."""
    pointer = _pointed(s3, bucket)
    folder = releases / pointer.release
    with disk_errors(folder):
        if not folder.is_dir():
            _fetch(s3, bucket, pointer, folder)
    return pointer


def installed(folder: Path) -> bool:
    """Have the packages that a release brings in its folder `site`; return whether it has any.

    They are its own wheels: no index is asked, nothing resolved. Raises OpsError.
    """
    wheels = sorted(str(path) for path in folder.glob("wheels/*.whl"))
    target = folder / "site"
    if not wheels or target.is_dir():
        return bool(wheels)
    half = folder / ".site"
    shutil.rmtree(half, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--no-index", "--no-deps", "--target", str(half), *wheels)
    with disk_errors(target):
        half.rename(target)
    return True


def _pointed(s3: S3Client, bucket: str) -> Pointer:
    try:
        found = current(s3, bucket)
    except OpsError as error:
        if not is_denied(error):
            raise
        raise OpsError(
            f"{error}; that is also what S3 answers a role without s3:ListBucket where there is no "
            "release yet: ops release put"
        ) from error
    if found is None:
        raise OpsError(f"s3://{bucket}: expected a release, there is none yet: ops release put")
    return found


def _fetch(s3: S3Client, bucket: str, pointer: Pointer, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder.parent, prefix=".fetched-") as file:
        digest = hashlib.sha256()
        for piece in _pieces(s3, bucket, pointer):
            digest.update(piece)
            file.write(piece)
        file.flush()
        if digest.hexdigest() != pointer.sha256:
            raise OpsError(
                f"s3://{bucket}/{pointer.key}: expected SHA-256 {pointer.sha256}, found "
                f"{digest.hexdigest()}: put the release again under another name"
            )
        unpack(Path(file.name), folder)


def _pieces(s3: S3Client, bucket: str, pointer: Pointer) -> Iterator[bytes]:
    size = 0
    with aws_errors(f"getting {pointer.key} from {bucket}", service="s3"):
        body = s3.get_object(Bucket=bucket, Key=pointer.key)["Body"]
        for piece in body.iter_chunks(_PIECE_BYTES):
            size += len(piece)
            if size > MOST_BYTES:
                raise OpsError(
                    f"s3://{bucket}/{pointer.key}: expected at most {MOST_BYTES >> 20} MiB, "
                    "found more"
                )
            yield piece
