"""Command lines and environments of units: "Command lines" in systemd.service(5). Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from ops.local.machine.unit_text import UnitError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_INSIDE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line; one marked with `-` may fail."""

    words: tuple[str, ...]
    may_fail: bool = False

    def filled(self, env: Mapping[str, str]) -> list[str]:
        """Return its words: `${NAME}` filled in, `$NAME` as many words as it holds, `$$` one `$`.

        The program itself is taken as it is.
        """
        found = [self.words[0]]
        for word in self.words[1:]:
            if match := _WHOLE.fullmatch(word):
                found += env.get(match[1], "").split()
            else:
                found.append(_INSIDE.sub(lambda m: env.get(m[1], "") if m[1] else "$", word))
        return found


def command(text: str) -> Command:
    """Return the command of an `ExecStart=`. Raises UnitError."""
    words = _split(text)
    program = words[0] if words else ""
    may_fail = program.startswith("-")
    program = program.removeprefix("-")
    if not program.startswith("/"):
        raise UnitError(f"expected an absolute path, or `-` and one, found {text[:100]!r}")
    return Command((program, *words[1:]), may_fail)


def environment(text: str) -> dict[str, str]:
    """Return the variables of an `Environment=`. Raises UnitError."""
    found = {}
    for word in _split(text):
        name, equals, value = word.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise UnitError(f"expected NAME=VALUE, found {word[:100]!r}")
        found[name] = value
    return found


def environment_file(text: str) -> dict[str, str]:
    """Return the variables of a file that `EnvironmentFile=` names; other lines are left out."""
    found = {}
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not _NAME.fullmatch(name):
            continue
        if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
            value = value[1:-1]
        found[name] = value
    return found


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UnitError(f"expected quotes in pairs, found {text[:100]!r}: {error}") from None
