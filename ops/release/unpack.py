"""Unpack a release where its name is its folder, whole or not at all."""

from __future__ import annotations

import os
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from ops.disk import disk_errors
from ops.errors import OpsError
from ops.release.artifact import MOST_BYTES

# Folders and links beside the files: far more than an application has.
_MOST_MEMBERS: Final = 200_000


def check_interpreter() -> None:
    """Raise OpsError where this Python cannot unpack a release.

    Filters came with 3.11.4 (PEP 706); a distribution's 3.11 may be older, as Debian 12's is.
    """
    if not hasattr(tarfile, "data_filter"):
        raise OpsError(
            f"Python {platform.python_version()}: expected a tarfile module with extraction "
            "filters (3.11.4 or later), found one without: install celery-sqs-fleet with a later "
            "Python; an image: deploy/image/install.sh --python python3.12"
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a release's tar.gz as `folder`, which is there whole afterwards, or not at all.

    A folder that is there already is left as it is. Only files, folders and links within are
    taken, without owners and special bits (Python's `data` filter, PEP 706). Raises OpsError.
    """
    check_interpreter()
    if folder.is_dir():
        return
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with disk_errors(folder):
            _extract(archive, place)
            place.chmod(0o755)
            place.rename(folder)
    except (tarfile.TarError, EOFError) as error:
        raise OpsError(f"{archive}: expected a release's tar.gz, found {error}") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def link(folder: Path, name: Path) -> None:
    """Have `name` lead to `folder`, at once for whoever looks."""
    fresh = name.with_name(f".{name.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder)
    fresh.replace(name)


def _extract(archive: Path, place: Path) -> None:
    size = 0
    with tarfile.open(archive, mode="r|gz") as tar:
        for count, member in enumerate(tar):
            size += member.size
            if size > MOST_BYTES or count > _MOST_MEMBERS:
                raise OpsError(
                    f"{archive}: expected at most {MOST_BYTES >> 20} MiB in {_MOST_MEMBERS:,} "
                    "files, found more: put a smaller release"
                )
            tar.extract(member, place, filter="data")
