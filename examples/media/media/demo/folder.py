"""The demo's folder: fresh each time, and nothing of anyone else's is ever removed from it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.errors import OpsError

_MARKER = ".media-demo"
_OWN = (
    *("clips", "documents", "users.json", "out", "mails", "logs"),
    *("app", "fleet", "journal.jsonl", "engine.jsonl", "fleet.toml", "result.json"),
)
_ROOM_BYTES = 500 * 1024**2  # a run of the default size takes about a fifth of it


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """Give `out` as an absolute path, emptied of what an earlier demo left, and hold its lock.

    Raises OpsError for a folder that is not the demo's, that another demo is using, or without
    room; OSError.
    """
    folder = out.resolve()
    marker = folder / _MARKER
    if folder.exists() and not folder.is_dir():
        raise OpsError(f"--out {out}: expected a folder, found a file: choose another")
    if folder.exists() and not marker.exists() and any(folder.iterdir()):
        raise OpsError(
            f"--out {out}: expected a new folder, an empty one or an earlier demo's, found other "
            "files in it: choose another"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with marker.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError(
                f"--out {out}: expected it for this demo alone, another one is running in it: "
                "choose another, or end that one"
            ) from None
        for name in _OWN:
            _remove(folder / name)
        free_bytes = shutil.disk_usage(folder).free
        if free_bytes < _ROOM_BYTES:
            raise OpsError(
                f"--out {out}: expected {_ROOM_BYTES // 1024**2} MiB of free disk, found "
                f"{free_bytes // 1024**2}: make room, or choose another"
            )
        for name in ("logs", "mails", "fleet"):
            (folder / name).mkdir()
        yield folder


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
