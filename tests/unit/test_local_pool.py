"""How large a warm pool of the local AWS is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ops.local.autoscaling import pool


def group(desired: int, *, most: int = 10, **settings: Any) -> Any:
    given = {"min_size": 0, "max_group_prepared_capacity": None, "instance_reuse_policy": None}
    kept = SimpleNamespace(pool_state="Stopped", **{**given, **settings})
    return SimpleNamespace(desired_capacity=desired, max_size=most, warm_pool=kept)


@pytest.mark.parametrize(
    ("desired", "settings", "size"),
    [
        (4, {}, 6),
        (10, {}, 0),
        (10, {"min_size": 2}, 2),
        (4, {"max_group_prepared_capacity": 5}, 1),
        (6, {"max_group_prepared_capacity": 5}, 0),
        (4, {"max_group_prepared_capacity": -1}, 6),
        # Both alike: a size of its own, whatever serves.
        (0, {"min_size": 2, "max_group_prepared_capacity": 2}, 2),
        (1, {"min_size": 2, "max_group_prepared_capacity": 2}, 2),
        (9, {"min_size": 2, "max_group_prepared_capacity": 2}, 2),
        (0, {"status": "PendingDelete"}, 0),
    ],
)
def test_a_pool_has_what_lacks_to_its_most(
    desired: int, settings: dict[str, Any], size: int
) -> None:
    assert pool.size(group(desired, **settings)) == size


def test_only_what_says_so_is_reused() -> None:
    assert not pool.reuses(group(0))
    assert not pool.reuses(group(0, instance_reuse_policy={"ReuseOnScaleIn": False}))
    assert pool.reuses(group(0, instance_reuse_policy={"ReuseOnScaleIn": "true"}))
    assert pool.size(SimpleNamespace(desired_capacity=0, max_size=3)) == 0
