"""Which instances a group launches and which it ends: no I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instance that a scale-in may end; `since` orders them by their launch."""

    id: str
    zone: str
    version: int
    since: float
    serving: bool


def on_demand_wanted(total: int, base: int, percent: int) -> int:
    """Return how many of `total` are on-demand: the base, and of the rest a share, rounded up.

    ("Allocation strategies for multiple instance types", Amazon EC2 Auto Scaling User Guide.)
    """
    return min(total, base) + math.ceil(max(0, total - base) * percent / 100)


def distribution(policy: Mapping[str, Any] | None) -> tuple[int, int]:
    """Return base and percentage of on-demand instances of a mixed instances policy, or all."""
    wanted = (policy or {}).get("InstancesDistribution", {})
    return (
        int(wanted.get("OnDemandBaseCapacity", 0)),
        int(wanted.get("OnDemandPercentageAboveBaseCapacity", 100)),
    )


def emptiest(places: Sequence[str], taken: Iterable[str]) -> str:
    """Return the place with the fewest instances, the first of several."""
    counted = Counter(taken)
    return min(places, key=lambda place: counted[place])


def victims(candidates: Iterable[Candidate], count: int, policies: Sequence[str]) -> list[str]:
    """Return whom to end: of the zone with the most, and there as the termination policy says.

    Default and OldestLaunchTemplate begin with the oldest version of the template;
    NewestInstance with the latest launch, all others with the earliest.
    """
    policy = policies[0] if policies else "Default"
    left = list(candidates)
    chosen: list[str] = []
    while left and len(chosen) < count:
        zones = Counter(each.zone for each in left)
        most = max(zones.values())
        crowded = [each for each in left if zones[each.zone] == most]
        one = min(crowded, key=lambda each: _order(each, policy))
        left.remove(one)
        chosen.append(one.id)
    return chosen


def _order(each: Candidate, policy: str) -> tuple[bool, int, float]:
    if policy == "NewestInstance":
        return not each.serving, 0, -each.since
    version = each.version if policy in {"Default", "OldestLaunchTemplate"} else 0
    return not each.serving, version, each.since
