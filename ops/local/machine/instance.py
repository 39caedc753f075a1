"""What the local AWS says of an instance: its folder's `instance.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FILE: Final = "instance.json"


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance at one moment, as AWS knows it; what is None there is none of."""

    instance_id: str
    image_id: str
    instance_type: str
    region: str
    availability_zone: str
    private_ip: str
    life_cycle: str  # spot, on-demand
    tags: Mapping[str, str]
    role: str | None
    credentials: Mapping[str, str] | None
    user_data: str
    endpoint: str
    target_lifecycle_state: str | None = None
    spot_action: Mapping[str, str] | None = None
    rebalance: Mapping[str, str] | None = None
    #: how long credentials last; None: as long as theirs say
    credentials_seconds: float | None = None


class BadInstance(ValueError):
    """An `instance.json` that is none; the text says what was expected."""


def read(folder: Path) -> Instance:
    """Return the instance of a node's folder as it is now. Raises BadInstance."""
    path = folder / _FILE
    try:
        found: Any = json.loads(path.read_bytes())
        known = {name: found[name] for name in Instance.__dataclass_fields__ if name in found}
        return Instance(**known)
    except (OSError, ValueError, TypeError) as error:
        raise BadInstance(f"{path}: expected an instance, found {error}") from None
