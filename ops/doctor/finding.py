"""What a rule says, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; the higher the worse."""

    NOTE = 0
    """Worth knowing; nothing bites."""
    WARNING = 1
    """Does not do what it says, or does it in a way that surprises."""
    ERROR = 2
    """Loses work, does it twice, or does not run."""

    @property
    def word(self) -> str:
        """The severity as it is printed."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Bite:
    """What a rule found: where, what happens on SQS, and the remedy.

    `place` is `file:line`, a setting, a queue's name on SQS or a key of the manifest. `severity`
    stands where it differs from the rule's.
    """

    place: str
    what: str
    remedy: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A bite with the rule that found it."""

    rule: str
    severity: Severity
    place: str
    what: str
    remedy: str
