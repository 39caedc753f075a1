"""The text of units and their drop-ins, put together: systemd.syntax(7). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.local.machine.unit_keys import HONOURED, IGNORED


class UnitError(ValueError):
    """A unit that cannot be run here; the text names the file, the line and what was found."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a unit."""

    path: str
    text: str


def assignments(sources: Sequence[Source]) -> dict[str, list[str]]:
    """Return each honoured key's values, the unit's first and its drop-ins' after them.

    An empty value takes back those before it. Raises UnitError for a section or a key that is
    neither honoured nor on the list of those that change nothing here.
    """
    found: dict[str, list[str]] = {}
    for source in sources:
        section = ""
        for number, line in _lines(source.text):
            if line.startswith("["):
                section = line[1:].removesuffix("]")
                if not line.endswith("]") or section not in HONOURED:
                    raise UnitError(
                        f"{source.path}:{number}: expected [Unit], [Service] or [Install], "
                        f"found {line}"
                    )
                continue
            key, equals, value = (part.strip() for part in line.partition("="))
            if not equals or not section:
                raise UnitError(f"{source.path}:{number}: expected KEY=VALUE, found {line[:100]}")
            if key in IGNORED[section]:
                continue
            if key not in HONOURED[section]:
                raise UnitError(
                    f"{source.path}:{number}: {key}: a machine of the local AWS does not know this "
                    f"key of [{section}]: add it to ops/local/machine/unit_keys.py, and what it "
                    "does to ops/local/machine/"
                )
            if value:
                found.setdefault(key, []).append(value)
            else:
                found[key] = []
    return found


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that say something, those ending in a backslash joined with the next."""
    found: list[tuple[int, str]] = []
    open_: tuple[int, str] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if (not line and open_ is None) or line[:1] in ("#", ";"):
            continue
        first, before = open_ if open_ is not None else (number, "")
        if line.endswith("\\"):
            open_ = first, f"{before}{line[:-1]} "
            continue
        found.append((first, before + line))
        open_ = None
    if open_ is not None:
        found.append(open_)
    return found


_SPECIFIER = re.compile(r"%(.?)")


def specified(text: str, specifiers: Mapping[str, str]) -> str:
    """Return `text` with `%i` and the like filled in. Raises UnitError for one that is unknown."""

    def fill(match: re.Match[str]) -> str:
        if match[1] not in specifiers:
            known = " ".join(f"%{letter}" for letter in specifiers)
            raise UnitError(f"%{match[1]}: expected one of {known} in {text[:100]!r}")
        return specifiers[match[1]]

    return _SPECIFIER.sub(fill, text)
