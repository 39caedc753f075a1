"""Names that come over the wire and become a file's or a folder's: moto takes any. Pure."""

from __future__ import annotations

import re
from typing import Final

#: What Lambda takes in a function's name (CreateFunction, API reference), and ECS in a container's
#: and a volume's, which may be longer (RegisterTaskDefinition).
_PART: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
EXPECTED: Final = "letters, digits, hyphens and underscores"


def is_part(name: object, at_most: int = 255) -> bool:
    """Whether a name of so many characters may be one part of a path."""
    return isinstance(name, str) and len(name) <= at_most and _PART.fullmatch(name) is not None


def part(name: str) -> str:
    """Return a name that is to be one part of a path. Raises ValueError."""
    if not is_part(name):
        raise ValueError(f"expected a name of up to 255 {EXPECTED}, found {name!r:.100}")
    return name
