"""Which instances the local AWS launches and ends, as tables."""

from __future__ import annotations

import pytest

from ops.local.autoscaling.choose import (
    Candidate,
    distribution,
    emptiest,
    on_demand_wanted,
    victims,
)


@pytest.mark.parametrize(
    ("total", "base", "percent", "wanted"),
    [(0, 0, 0, 0), (4, 1, 0, 1), (4, 0, 100, 4), (5, 1, 50, 3), (6, 1, 50, 4), (2, 4, 0, 2)],
)
def test_the_base_is_on_demand_and_a_share_above_it_rounded_up(
    total: int, base: int, percent: int, wanted: int
) -> None:
    assert on_demand_wanted(total, base, percent) == wanted


def test_a_group_without_a_policy_is_on_demand() -> None:
    assert distribution(None) == (0, 100)
    spot = {"InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 0}}
    assert distribution(spot) == (0, 0)


def test_the_emptiest_place_is_taken() -> None:
    assert emptiest(["a", "b", "c"], ["a", "c"]) == "b"
    assert emptiest(["a", "b"], []) == "a"


def one(id: str, zone: str = "a", version: int = 1, since: float = 0) -> Candidate:
    return Candidate(id, zone, version, since, serving=True)


OLD, MIDDLE, NEW = one("old", since=1), one("middle", since=2), one("new", since=3)


@pytest.mark.parametrize(
    ("candidates", "count", "policies", "chosen"),
    [
        ([NEW, OLD, MIDDLE], 2, [], ["old", "middle"]),
        ([NEW, OLD, MIDDLE], 1, ["NewestInstance"], ["new"]),
        ([one("v2", version=2, since=1), one("v1", since=9)], 1, ["Default"], ["v1"]),
        ([one("v2", version=2, since=1), one("v1", since=9)], 1, ["OldestInstance"], ["v2"]),
        ([one("lone", "b"), NEW, MIDDLE], 1, [], ["middle"]),
        ([Candidate("boots", "a", 1, 0, serving=False), NEW], 1, [], ["new"]),
        ([OLD], 3, [], ["old"]),
        ([OLD], 0, [], []),
        ([OLD], -1, [], []),
    ],
)
def test_a_scale_in_ends_as_the_policy_says(
    candidates: list[Candidate], count: int, policies: list[str], chosen: list[str]
) -> None:
    assert victims(candidates, count, policies) == chosen
