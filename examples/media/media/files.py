"""Files that are either whole or not there: written under a temporary name, then renamed."""

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".part-"
# No task of this service runs longer than its 30 minutes (fleet.toml): what was last written to
# an hour ago belongs to a worker that was killed.
_ABANDONED_AFTER_SECONDS = 3600.0


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` to write to, and rename it to `target` at the end.

    On an exception the temporary file is removed and `target` is as it was. If the process is
    killed, the temporary file stays behind, and a later call in the same folder removes it.
    Two runs at once do not disturb each other: the last to finish wins. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target.parent, now_seconds=time.time())
    part = target.parent / f"{_PREFIX}{secrets.token_hex(8)}"
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _remove_abandoned(folder: Path, now_seconds: float) -> None:
    for part in folder.glob(f"{_PREFIX}*"):
        # Another task may remove, or rename, the same file at the same time.
        with contextlib.suppress(FileNotFoundError):
            if now_seconds - part.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
                part.unlink()
