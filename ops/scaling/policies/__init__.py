"""What each policy wishes for a queue, and why. Pure."""

from __future__ import annotations

from ops.scaling.policies.by_age import age
from ops.scaling.policies.by_depth import depth
from ops.scaling.policies.by_forecast import ahead
from ops.scaling.policies.by_headroom import headroom
from ops.scaling.policies.wish import Sight, Wish


def wishes_of(sight: Sight) -> tuple[Wish, ...]:
    """Return what each policy of the queue wishes."""
    wishes = []
    if "depth" in sight.settings.policies:
        wishes.append(depth(sight))
    if "age" in sight.settings.policies:
        wishes.append(age(sight))
    wishes += [wish for wish in (headroom(sight), ahead(sight)) if wish is not None]
    return tuple(wishes)
