"""Contracts on other projects' private pieces: what we build on, as it is in the pinned version.

A contract file names each piece, its signature, a digest of its source, what of ours builds on
it and what to look at again when it changes. ``python -m tests.contracts FILE`` prints what is
broken and exits 1; ``--current`` prints the file with today's signatures and digests.
"""

from __future__ import annotations

import hashlib
import inspect
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of another project; ``path`` is ``module:qualified.name``."""

    path: str
    signature: str
    source: str
    builds: str
    look: str

    def broken(self) -> str | None:
        """Say how the installed piece differs from this, or None."""
        try:
            signature, source = current(self.path)
        except (ImportError, AttributeError) as error:
            return self._said(f"is gone ({error})")
        if signature != self.signature:
            return self._said(f"takes ({signature}), expected ({self.signature})")
        if source != self.source:
            return self._said(f"has another source ({source}, expected {self.source})")
        return None

    def _said(self, what: str) -> str:
        return f"{self.path} {what}. {self.builds} builds on it; look again at: {self.look}"


def load(file: Path) -> list[Piece]:
    """Read a contract file."""
    return [Piece(**row) for row in tomllib.loads(file.read_text())["piece"]]


def current(path: str) -> tuple[str, str]:
    """Return the signature and the source's digest of what is installed at ``path``.

    Raises ImportError or AttributeError if there is nothing.
    """
    found = pkgutil.resolve_name(path)
    if isinstance(found, property):
        found = found.fget
    elif isinstance(found, cached_property) or hasattr(found, "fget"):
        found = getattr(found, "func", None) or found.fget
    return ", ".join(_parameters(found)), _digest(inspect.getsource(found))


def _parameters(function: object) -> Iterator[str]:
    """Name each parameter, with ``=`` where it has a default; the same in every Python."""
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        default = "" if parameter.default is inspect.Parameter.empty else "="
        yield f"{marks.get(parameter.kind, '')}{parameter.name}{default}"


def _digest(source: str) -> str:
    """Return a digest of the code without comments of their own, blank lines and indentation."""
    lines = [line.strip() for line in source.splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]


def main(arguments: list[str]) -> int:
    """Check the contract files named, or print them anew."""
    pieces = [piece for name in arguments if name[0] != "-" for piece in load(Path(name))]
    if "--current" in arguments:
        for piece in pieces:
            signature, source = current(piece.path)
            print("[[piece]]")
            print(f'path = "{piece.path}"\nsignature = "{signature}"\nsource = "{source}"')
            print(f'builds = "{piece.builds}"\nlook = "{piece.look}"\n')
        return 0
    broken = [said for piece in pieces if (said := piece.broken()) is not None]
    print("\n".join(broken) or f"{len(pieces)} pieces as expected")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
