"""The manifest as a file that is edited: read once, replaced whole, never over another's edit."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from ops.errors import OpsError


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest's file, and its text as it was read."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> ManifestFile:
        """Read the file as it lies there, line ends too."""
        try:
            return cls(path, path.read_bytes().decode())
        except (OSError, UnicodeDecodeError) as error:
            raise OpsError(f"{path}: expected a file in UTF-8 to read: {error}") from error

    def replace(self, text: str) -> None:
        """Write a new text to a file beside it and give that its name, mode and owner.

        Readers see the old text or the new one, never a part. A link stays one: the file it leads
        to is replaced. Raises OpsError, with nothing written, where someone else has changed the
        file since it was read, or it cannot be written.
        """
        target = self.path.resolve()
        try:
            with target.open("rb") as current:
                # Held by every `ops` that edits it: nobody writes between this look and the rename.
                fcntl.flock(current, fcntl.LOCK_EX)
                if target.read_bytes() != self.text.encode():
                    raise OpsError(
                        f"{self.path}: expected it as it was read, got another text: someone "
                        "edited it meanwhile: run it again"
                    )
                _write(target, text, os.fstat(current.fileno()))
        except OSError as error:
            raise OpsError(
                f"{self.path}: expected a file that can be replaced, got {error.strerror}: "
                "allow this user to write to its folder"
            ) from error


def _write(target: Path, text: str, like: os.stat_result) -> None:
    descriptor, name = mkstemp(dir=target.parent, prefix=f".{target.name}.")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), like.st_mode & 0o7777)
            # Root may give it back to its owner; anyone else may not, and is the owner as a rule.
            with suppress(PermissionError):
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
