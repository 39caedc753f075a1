"""The disk's errors as lines to act on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.errors import OpsError

_REMEDIES: Final = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room on its disk",
    errno.EROFS: "see why its file system is read-only (dmesg)",
    errno.EACCES: "run it as a user who may",
    errno.EPERM: "run it as a user who may",
}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the errors of writing what lies at or below `path` into OpsError."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "see what is in its place")
        found = error.strerror or str(error)
        raise OpsError(f"{path}: expected to write it, found: {found}: {remedy}") from error
