"""Who calls the local AWS: the access key says it, since nothing there checks a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

_PREFIX: Final = "FLEETLOCAL"
#: No role's name and no id holds it (IAM User Guide, "IAM name requirements").
_UNTIL: Final = "~"

#: The caller whose key is none of ours: a person with the dummy credentials of a laptop.
OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """A role, and the instance or function that took it on; `who` is empty for a person."""

    role: str
    who: str = ""


def key_of(role: str, who: str) -> str:
    """Return the key with which `who` (an instance, a function, a schedule) calls as `role`."""
    return f"{_PREFIX}.{quote(role, safe='')}.{quote(who, safe='').replace('.', '%2E')}"


def key_until(key: str, end: float) -> str:
    """Return a key of `key_of` that is good until a time, in seconds since the epoch."""
    return f"{key}{_UNTIL}{end:.0f}"


def end_of(key: str) -> float | None:
    """Return when a key of `key_until` is over, None of any other."""
    _, until, end = key.rpartition(_UNTIL)
    return float(end) if until and key.startswith(f"{_PREFIX}.") and end.isdigit() else None


def caller_of(key: str) -> Caller:
    """Return who calls with an access key; any key that is not of `key_of` is the operator's."""
    if end_of(key) is not None:
        key = key.rpartition(_UNTIL)[0]
    prefix, _, rest = key.partition(".")
    # A role's name may hold dots; `who` holds none as it is written.
    role, dot, who = rest.rpartition(".")
    if prefix != _PREFIX or not dot or not role:
        return Caller(OPERATOR)
    return Caller(unquote(role), unquote(who))
