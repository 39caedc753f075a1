"""The nodes of a queue: how many there may be, and how long one takes to begin work."""

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from worker.manifest.fields import Duration, between

#: ECS runs at most 5,000 tasks a service (its quotas page); a group of instances is held to the
#: same, since a typing mistake costs by the node.
MOST_NODES: Final = 5000

Count = Annotated[int, Field(ge=0, le=MOST_NODES)]
"""A number of nodes."""

_WARM_BOOT = timedelta(seconds=45)


def _warm_boot(known: dict[str, Any]) -> timedelta:
    boot: timedelta = known.get("boot", _WARM_BOOT)
    return min(_WARM_BOOT, boot)


class Nodes(BaseModel):
    """How many nodes serve a queue, and how long one takes to begin."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )

    min: Count = 0
    """The fewest nodes the scaling engine keeps: 0 to 5000. A window may raise it."""

    max: Annotated[int, Field(ge=1, le=MOST_NODES)] = 20
    """The most nodes the scaling engine asks for: 1 to 5000. A window may lower it."""

    boot: Annotated[Duration, between("1s", "1h")] = timedelta(seconds=180)
    """How long a node takes from its launch to its first receive, until that is measured: 1s
    to 1h."""

    warm_boot: Annotated[Duration, between("1s", "1h")] = Field(default_factory=_warm_boot)
    """The same for a node that waits in the group's warm pool: 1s to 1h, at most boot; 45s, or
    boot if that is shorter, unless said otherwise."""
