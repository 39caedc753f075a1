"""How long idle nodes are held: only as long as holding has paid."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.scaling.decide import decide
from ops.scaling.holding import GAPS, Holding
from ops.scaling.memory import Memory
from ops.scaling.model import Terminate
from ops.scaling.settings import Settings
from tests.unit.scaling_parts import NOW, confirmed, snapshot_of

BOOT = 180.0


def wanted_again_after(gap: float, times: int, holding: Holding | None = None) -> Holding:
    holding = holding or Holding()
    now = 0.0
    for _ in range(times):
        holding.see(["i-1"], now)
        now += gap
        holding.see(["i-1"], now)
        holding.resumed("i-1", now)
        now += 10_000.0
    return holding


def never_wanted_again(times: int, holding: Holding | None = None) -> Holding:
    holding = holding or Holding()
    for number in range(times):
        now = number * 10_000.0
        holding.see(["i-1"], now)
        holding.end("i-1", now)
        holding.see([], now + GAPS[-1] + 1)
    return holding


def test_nothing_is_held_before_anything_is_known() -> None:
    assert Holding().seconds(BOOT) == 0.0
    assert wanted_again_after(40.0, 5).seconds(BOOT) == 0.0


def test_a_node_that_is_soon_wanted_again_is_held_until_then() -> None:
    assert wanted_again_after(40.0, 30).seconds(BOOT) == 45.0


def test_a_node_that_is_never_wanted_again_is_not_held() -> None:
    assert never_wanted_again(30).seconds(BOOT) == 0.0


def test_holding_longer_than_a_boot_never_pays() -> None:
    assert wanted_again_after(170.0, 30).seconds(120.0) == 0.0


def test_what_is_launched_soon_after_an_end_would_have_been_of_use() -> None:
    holding = Holding()
    for number in range(30):
        now = number * 10_000.0
        holding.see(["i-1", "i-2"], now)
        holding.end("i-1", now)
        holding.end("i-2", now)
        holding.launched(2, now + 50.0)
    assert holding.seconds(BOOT) == 60.0


def test_old_gaps_are_forgotten() -> None:
    holding = never_wanted_again(800, wanted_again_after(40.0, 30))
    assert holding.seconds(BOOT) == 0.0


@given(
    st.lists(st.floats(0.0, 1e5), max_size=len(GAPS) + 1).map(
        lambda counts: counts + [0.0] * (len(GAPS) + 1 - len(counts))
    ),
    st.floats(1.0, 3600.0),
)
def test_it_is_held_for_the_best_time_of_all(gaps: list[float], boot: float) -> None:
    holding = Holding(gaps=gaps)

    def saved(hold: float) -> float:
        total = 0.0
        for at, count in enumerate(gaps):
            low = GAPS[at - 1] if at else 0.0
            if at < len(GAPS) and GAPS[at] <= hold:
                total += count * (boot - (low + GAPS[at]) / 2)
            else:
                total -= count * hold
        return total

    hold = holding.seconds(boot)
    assert hold == 0.0 or hold <= boot
    if sum(gaps) >= 10:
        best = max(0.0, *(saved(gap) for gap in GAPS if gap <= boot), 0.0)
        assert saved(hold) == pytest.approx(best, abs=1e-6 * (1 + abs(best)))


def test_it_is_kept_as_json() -> None:
    holding = wanted_again_after(40.0, 12, never_wanted_again(3))
    holding.see(["i-7"], 5.0)
    data = json.loads(json.dumps(holding.to_data()))
    assert Holding.from_data(data).to_data() == holding.to_data()
    assert Holding.from_data(data).seconds(BOOT) == holding.seconds(BOOT)
    with pytest.raises(ValueError, match="gaps: expected 12 numbers, got 1"):
        Holding.from_data({**data, "gaps": [1.0]})


def test_the_engine_holds_an_idle_node_as_long_as_has_paid_and_ends_it_then() -> None:
    memory = Memory(holding=wanted_again_after(40.0, 30))
    settings = Settings("q", 4)
    seen = snapshot_of([confirmed("i-1")])
    first = decide(seen, settings, memory, "t1")
    assert first.actions == ()
    assert "1 idle held for 45 s each, as has paid so far" in first.cautions
    later = replace(seen, now=NOW + 45.0)
    assert decide(later, settings, memory, "t2").actions == (Terminate("i-1", "t0"),)
