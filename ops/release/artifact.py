"""A release as one file: a tar.gz that comes out the same, byte for byte, of the same files."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.errors import Exit, OpsError

#: A node unpacks it within seconds, and keeps a few of them.
MOST_BYTES: Final = 512 * 1024 * 1024
#: It names a folder, an object in S3 and an instance of a systemd unit.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_OWN_NAME_CHARACTERS: Final = 12
_DIRTY: Final = "-dirty"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A release: its name, the bytes of its tar.gz, and their SHA-256 in hexadecimal."""

    release: str
    data: bytes
    sha256: str
    files: int


def pack(
    folder: Path, files: Sequence[str], release: str | None = None, *, dirty: bool = False
) -> Artifact:
    """Pack `files` of `folder`; without a name it is called by the first twelve digits of its hash.

    What no commit holds is `dirty`, and its name ends in `-dirty`. Of a file its content and
    whether it may be executed count, not its time or owner. Raises OpsError for a name that is
    none, a file that cannot be read, and above 512 MiB.
    """
    mark = _DIRTY if dirty else ""
    if release is not None:
        release = release.removesuffix(mark) + mark
        check_name(release)
    packed = io.BytesIO()
    size = 0
    try:
        # Level 6: within a few per cent of 9, several times faster. No time in its header.
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name in files:
                size += _add(tar, folder / name, name)
                if size > MOST_BYTES:
                    raise OpsError(
                        f"{folder}: expected at most {MOST_BYTES >> 20} MiB of files, found more: "
                        "keep data out of the application's folder"
                    )
    except OSError as error:
        raise OpsError(f"{folder}: expected files that can be read, found {error}") from error
    data = packed.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    own = f"{sha256[:_OWN_NAME_CHARACTERS]}{mark}"
    return Artifact(release or own, data, sha256, len(files))


def is_name(release: str) -> bool:
    """Whether a release can be called so."""
    return _NAME.match(release) is not None


def check_name(release: str) -> None:
    """Raise OpsError (exit 2) unless a release can be called so."""
    if not is_name(release):
        raise OpsError(
            f"release: expected 1 to 63 letters, digits, '.', '_' or '-', the first of them a "
            f"letter or digit, got {release[:80]!r}",
            Exit.USAGE,
        )


def _add(tar: tarfile.TarFile, path: Path, name: str) -> int:
    """Add a file or a link and return its size."""
    info = tarfile.TarInfo(name)
    if path.is_symlink():
        info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
        tar.addfile(info)
        return 0
    with path.open("rb") as file:
        stat = path.stat()
        info.size = stat.st_size
        info.mode = 0o755 if stat.st_mode & 0o100 else 0o644
        tar.addfile(info, file)
    return info.size
