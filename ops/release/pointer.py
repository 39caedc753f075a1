"""Where releases lie in the artifact bucket, and which one is current. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from ops.release.artifact import is_name

CURRENT: Final = "releases/current.json"
#: More than it can be: a node reads no more of what claims to be it.
MOST_BYTES: Final = 4096
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


class BadPointer(ValueError):
    """The pointer is none; the text says what was expected of it."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The release that nodes are to run, the key of its tar.gz and the SHA-256 of that."""

    release: str
    key: str
    sha256: str
    queues: tuple[str, ...] | None = None
    """The queues of its manifest; None where the pointer does not say."""

    @classmethod
    def to(cls, release: str, sha256: str, queues: Iterable[str] | None = None) -> Self:
        """Return the pointer to a release with a manifest of these queues."""
        found = None if queues is None else tuple(sorted(queues))
        return cls(release, key_of(release), sha256, found)

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Read `releases/current.json`. Raises BadPointer."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadPointer(f"expected a JSON object, found {error}") from None
        values = [found.get(key) if isinstance(found, dict) else None for key in _KEYS]
        release, key, sha256 = values
        if not (isinstance(release, str) and isinstance(key, str) and isinstance(sha256, str)):
            raise BadPointer(f"expected the texts {', '.join(_KEYS)}, found {text[:200]!r}")
        if not is_name(release):
            raise BadPointer(f"release: expected the name of one, got {release[:80]!r}")
        if key != key_of(release):
            raise BadPointer(f"key: expected {key_of(release)}, got {key[:200]!r}")
        if not _SHA256.match(sha256):
            raise BadPointer(f"sha256: expected 64 hexadecimal digits, got {sha256[:80]!r}")
        return cls(release, key, sha256, _queues(found.get(_QUEUES)))

    def text(self) -> bytes:
        """Return `releases/current.json`: without the queues where they are too many for it."""
        plain: dict[str, object] = {key: getattr(self, key) for key in _KEYS}
        short = json.dumps(plain).encode()
        if self.queues is None:
            return short
        whole = json.dumps({**plain, _QUEUES: self.queues}).encode()
        return whole if len(whole) <= MOST_BYTES else short


def _queues(found: object) -> tuple[str, ...] | None:
    if not isinstance(found, list):
        return None
    return tuple(each for each in found if isinstance(each, str))


_KEYS = ("release", "key", "sha256")
#: What a reader can do without.
_QUEUES: Final = "queues"


def key_of(release: str) -> str:
    """Return the key of a release's tar.gz."""
    return f"releases/{release}.tar.gz"
