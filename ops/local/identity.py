"""Who calls the local AWS: the access key says it, since nothing there checks a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

_PREFIX: Final = "FLEETLOCAL"

#: The caller whose key is none of ours: a person with the dummy credentials of a laptop.
OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """A role, and the instance or function that took it on; `who` is empty for a person."""

    role: str
    who: str = ""


def key_of(role: str, who: str) -> str:
    """Return the access key with which `who` (an instance id, a function) calls as `role`."""
    return f"{_PREFIX}.{quote(role, safe='')}.{quote(who, safe='')}"


def caller_of(key: str) -> Caller:
    """Return who calls with an access key; any key that is not of `key_of` is the operator's."""
    prefix, _, rest = key.partition(".")
    # A role's name may hold dots, the id of an instance and the name of a function hold none.
    role, dot, who = rest.rpartition(".")
    if prefix != _PREFIX or not dot or not role:
        return Caller(OPERATOR)
    return Caller(unquote(role), unquote(who))
