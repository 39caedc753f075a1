"""What the metadata service says that makes a node join or leave."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from ops.node.metadata import Metadata, NoMetadata
from ops.node.sight import Noticed

_TARGET = "autoscaling/target-lifecycle-state"
_SPOT = "spot/instance-action"


def notice(metadata: Metadata, before: Noticed | None) -> Noticed:
    """Read the lifecycle state and the spot notice; what cannot be read is as it was `before`."""
    at = time.monotonic()
    old = Noticed(at) if before is None else before
    target, spot_at, spot, troubles = old.target, old.spot_at, old.spot, list[str]()
    # One by one: where the service fails at one of them, the other is known all the same.
    try:
        target = metadata.get(_TARGET)
    except NoMetadata as error:
        troubles.append(str(error))
    try:
        said = metadata.get(_SPOT)
        spot_at, spot = None if said is None else _time_of(said), said is not None
    except NoMetadata as error:
        troubles.append(str(error))
    return Noticed(at, target, spot_at, spot, "; ".join(dict.fromkeys(troubles)))


def _time_of(said: str) -> float | None:
    """Return when the instance goes: `{"action": "terminate", "time": "2017-09-18T08:22:00Z"}`.

    None where that cannot be read: it goes, all the same.
    """
    try:
        at = datetime.fromisoformat(json.loads(said)["time"])
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, KeyError, TypeError):
        return None
