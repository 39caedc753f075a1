"""How large a group's warm pool is to be, and how its instances wait: no I/O.

"Core concepts" of warm pools in the Amazon EC2 Auto Scaling User Guide; API Reference, PutWarmPool.
"""

from __future__ import annotations

from typing import Any, Final

from ops.local.lifecycle import Pool

PENDING_DELETE: Final = "PendingDelete"


def size(group: Any) -> int:
    """Return how many instances wait: what lacks to the prepared or else the maximum capacity, but
    no fewer than the pool's minimum.
    """
    pool = _of(group)
    if pool is None or vars(pool).get("status") == PENDING_DELETE:
        return 0
    prepared = pool.max_group_prepared_capacity
    most = group.max_size if prepared is None or prepared < 0 else prepared
    return max(int(pool.min_size), int(most) - int(group.desired_capacity or 0), 0)


def kind(group: Any) -> Pool:
    """Return how the instances of a group's pool wait."""
    return Pool(group.warm_pool.pool_state)


def reuses(group: Any) -> bool:
    """Whether what leaves service at a scale-in returns to the pool."""
    pool = _of(group)
    policy = (pool.instance_reuse_policy if pool is not None else None) or {}
    return str(policy.get("ReuseOnScaleIn")).lower() == "true"


def forget(group: Any, *, empty: bool) -> None:
    """Forget a pool that is to be deleted, once no instance is in it."""
    pool = _of(group)
    if empty and pool is not None and vars(pool).get("status") == PENDING_DELETE:
        group.warm_pool = None


def _of(group: Any) -> Any:
    # A group's first instances are launched while moto makes it.
    return vars(group).get("warm_pool")
