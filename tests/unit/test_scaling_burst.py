"""Headroom by what a queue's tasks met: clumps, decay, shares that hold."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.scaling.burst import Bursts, exposed_seconds, from_data
from ops.scaling.burst_table import EDGES

TICK = 15.0
HOUR = 3600.0


def fed(arrivals: list[int], service: float = 600.0, bursts: Bursts | None = None) -> Bursts:
    """What is known after a tick for each number."""
    found = Bursts() if bursts is None else bursts
    begin = found.times[-1] if found.times else 1e9
    for tick, n in enumerate(arrivals, 1):
        found = found.add(begin + tick * TICK, n, service)
    return found


def clumps_of(size: int, every: int = 240, count: int = 40) -> list[int]:
    return ([0] * (every - 1) + [size]) * count


def test_what_is_exposed_is_what_the_promise_leaves_of_the_boot() -> None:
    assert exposed_seconds(180, 60, 15) == 135
    assert exposed_seconds(45, 60, 15) == 0
    assert exposed_seconds(180, 300, 15) == 0


def test_nothing_exposed_needs_nothing_and_too_few_tasks_say_nothing() -> None:
    bursts = fed([0, *clumps_of(40, count=1)])
    assert bursts.slots(0.99, 0.0) == 0
    assert bursts.share(0, 0.0) == 1
    assert bursts.slots(0.99, 120.0) is None
    assert bursts.share(9, 120.0) is None


@pytest.mark.parametrize("size", [4, 40, 400])
def test_a_clump_is_served_by_as_many_slots_as_it_has_tasks(size: int) -> None:
    bursts = fed([0, *clumps_of(size)], service=60)
    # By time it would be a quiet queue: in 239 ticks of 240 nothing comes.
    assert bursts.slots(0.5, 120.0) == pytest.approx(size / 2, rel=0.15, abs=0.6)
    assert bursts.slots(1.0, 120.0) == pytest.approx(size, rel=0.3)
    assert bursts.share(size * 1.3 + 1, 120.0) == pytest.approx(1)
    assert bursts.share(size / 4, 120.0) == pytest.approx(0.25, abs=0.05)
    assert bursts.share(0, 120.0) == pytest.approx(0, abs=0.01)


def test_a_steady_stream_needs_the_little_by_which_it_varies() -> None:
    rng = Random(1)
    steady = [sum(rng.random() < 0.05 for _ in range(100)) for _ in range(4000)]
    needed = fed([0, *steady], service=600).slots(0.95, 120.0)
    # 40 tasks come in the 120 s that 200 at work are too few for; about as many end.
    assert needed is not None
    assert 8 < needed < 25


def test_a_longer_exposure_needs_no_less_and_lies_between_its_neighbours() -> None:
    rng = Random(2)
    bursts = fed([0, *(int(rng.expovariate(0.3)) for _ in range(3000))], service=3600)
    needed = [bursts.slots(0.95, window) for window in (1, 30, 45, 60, 90, 120, 480, 960)]
    assert needed == sorted(needed, key=lambda n: n or 0.0)
    assert needed[-1] == pytest.approx(2 * (needed[-2] or 0))


def test_a_backlog_does_not_ask_for_itself() -> None:
    """Only arrivals are recorded: what too few nodes let pile up leaves no trace."""
    one = fed([0, *[20] * 400], service=60)
    needed = one.slots(0.99, 120.0)
    assert needed is not None
    # The load of twenty tasks a tick that last a minute, reached within minutes and then constant.
    assert needed <= 85
    settled = fed([20] * 60_000, service=60, bursts=one).slots(0.99, 120.0)
    assert settled == pytest.approx(0, abs=1)


def test_what_was_is_forgotten_by_half_in_three_days() -> None:
    bursts = fed([0, *clumps_of(100, count=20)], service=60)
    before = bursts.slots(0.9, 120.0)
    quiet = fed(clumps_of(5, count=400), service=60, bursts=bursts)
    after = quiet.slots(0.9, 120.0)
    assert before is not None
    assert after is not None
    assert before > 80
    assert quiet.share(6, 120.0) > (bursts.share(6, 120.0) or 0)  # type: ignore[operator]
    month = 30 * 86_400.0
    gone = quiet.add(quiet.times[-1] + month, 0, 60, since=quiet.times[-1])
    assert gone.slots(0.9, 120.0) is None


def test_after_a_silence_growth_is_measured_anew() -> None:
    bursts = fed([0, *clumps_of(10)], service=60)
    at = bursts.times[-1]
    silent = bursts.add(at + 600, 500, 60)
    assert silent.weights == bursts.weights
    unknown = bursts.add(at + 15, None, 60)
    assert unknown.weights == bursts.weights
    assert bursts.add(at + 600, 500, 60, since=at).weights != bursts.weights
    assert bursts.add(at - 600, 500, 60).weights == bursts.weights


@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6), st.none() | st.floats(0, 1e9), st.floats(0, 1e6), st.booleans()
        ),
        max_size=80,
    ),
    st.floats(0, 1),
    st.floats(0.1, 5000),
)
def test_it_stays_bounded_and_survives_json(
    adds: list[tuple[float, float | None, float, bool]], quantile: float, window: float
) -> None:
    bursts, at = Bursts(), 1e9
    for step, arrivals, service, told in adds:
        bursts = bursts.add(at + step, arrivals, service, since=at if told else None)
        at += step
    again = from_data(json.loads(json.dumps(bursts.as_data())))
    assert again == bursts
    assert len(bursts.times) == len(bursts.loads) <= 82
    needed, share = bursts.slots(quantile, window), bursts.share(5, window)
    assert needed is None or 0 <= needed <= EDGES[-1] * max(1, window / 480)
    assert share is None or 0 <= share <= 1


def test_a_busy_day_takes_no_more_room_than_an_hour() -> None:
    rng = Random(3)
    day = fed([0, *(int(rng.lognormvariate(1, 1.5)) for _ in range(5760))])
    assert len(day.times) <= 480 / TICK + 2
    assert len(json.dumps(day.as_data())) < 6000


def test_slots_for_a_share_serve_that_share() -> None:
    rng = Random(4)
    bursts = fed([0, *(int(rng.lognormvariate(0, 1.5)) for _ in range(5760))])
    assert bursts.share(0, 120.0) < 0.6  # type: ignore[operator]
    for quantile in (0.2, 0.6, 0.9, 0.99):
        needed = bursts.slots(quantile, 120.0)
        assert needed is not None
        share = bursts.share(needed, 120.0)
        assert share is not None
        # Where hardly any task meets growth, no slots serve more than is asked for.
        assert share == pytest.approx(quantile, abs=0.001) or (needed == 0 and share > quantile)


def test_what_is_no_record_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"bursts: expected what as_data gives.*gathered anew"):
        from_data({"base": 0, "weights": [], "times": [], "loads": []})
