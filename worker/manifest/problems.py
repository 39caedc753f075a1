"""What is wrong with a manifest, in lines a person can act on."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: where, what was expected and found, and how to mend it.

    `place` is a dotted key (`queues.mail.lease`), a position (`line 3, column 5`), or empty when
    the whole file is meant.
    """

    place: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.what, self.remedy) if part)

    def under(self, *parents: str | int) -> "Problem":
        """Return the same problem with its place moved below `parents`."""
        place = ".".join(part for part in (dotted(*parents), self.place) if part)
        return Problem(place, self.what, self.remedy)


class ManifestError(Exception):
    """The manifest cannot be used. `str()` is one line a problem, each naming the file."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        super().__init__(file, tuple(problems))
        self.file = file
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(f"{self.file}: {problem}" for problem in self.problems)


class RefusedValueError(ValueError):
    """A value breaks a rule of its key: what was expected, how to mend it, what was found.

    `found` is left out where the value as written in the manifest says it best.
    """

    def __init__(self, expected: str, remedy: str, found: str | None = None) -> None:
        got = "" if found is None else f", got {found}"
        super().__init__(f"expected {expected}{got}: {remedy}")
        self.expected = expected
        self.remedy = remedy
        self.found = found


class ConflictError(ValueError):
    """Values that are right one by one and wrong together; each problem names its key."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def dotted(*parts: str | int) -> str:
    """Return a key's place as TOML writes it: `queues."my mail".tasks[0]`."""
    place = ""
    for part in parts:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            place += f".{key}" if place else key
    return place


def quoted(value: object) -> str:
    """Return a value the way a manifest writes it, shortened when it is long."""
    if isinstance(value, bool | str | int | float | list | tuple):
        text = json.dumps(value, default=str, ensure_ascii=False)
    elif isinstance(value, dict):
        text = "a table"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."


def listed(choices: Sequence[str]) -> str:
    """Join choices as a sentence does: `a, b or c`."""
    if len(choices) < 2:
        return "".join(choices)
    return ", ".join(choices[:-1]) + " or " + choices[-1]
