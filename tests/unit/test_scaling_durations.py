"""What is learnt of run times: chances that hold where the law is known, and any data borne."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.scaling.durations import ENOUGH, Durations
from ops.scaling.outlook import TOGETHER_SECONDS, Outlook, Running, group_of
from tests.unit.scaling_parts import NOW

Law = Callable[[random.Random], float]


def memoryless(r: random.Random) -> float:
    return r.expovariate(1 / 60)


def always_two_minutes(_: random.Random) -> float:
    return 120.0


def short_or_long(r: random.Random) -> float:
    return 20.0 if r.random() < 0.8 else 900.0


def learnt(law: Law, completions: int = 4_000) -> Durations:
    """Tasks of this law that ended in the last hours, by a dozen at a time as ticks tell them."""
    r, durations = random.Random(7), Durations()
    for at in range(0, completions, 12):
        ended = NOW - 3.0 * (completions - at)
        durations.add([(ended + n, law(r)) for n in range(12)])
    return durations


def started(age: float) -> int:
    """The group of tasks of about that age; the middle of it is."""
    return group_of(NOW - age)


def chance(law: Law, age: float, within: float) -> float:
    """How often a task of this law that has run so long ends within so many seconds more."""
    r = random.Random(11)
    runs = [took for took in (law(r) for _ in range(40_000)) if took > age]
    return sum(took <= age + within for took in runs) / len(runs)


def age_of(group: int) -> float:
    return NOW - (group + 0.5) * TOGETHER_SECONDS


@pytest.mark.parametrize("within", [15.0, 60.0, 240.0])
@pytest.mark.parametrize("age", [60.0, 190.0])
def test_the_chance_to_end_of_tasks_without_memory(age: float, within: float) -> None:
    outlook = learnt(memoryless).outlook(NOW, {})
    found, deviation = outlook.ends_within(started(age), within)
    assert found == pytest.approx(1 - math.exp(-within / 60), abs=0.12)
    assert 0 <= deviation < 0.5


def test_long_tasks_are_known_by_their_age() -> None:
    outlook = learnt(short_or_long).outlook(NOW, {})
    old = started(300.0)
    found, _ = outlook.ends_within(old, 60.0)
    assert found < 0.15, "a task of five minutes is one of the long ones"
    found, _ = outlook.ends_within(old, 900.0)
    assert found == pytest.approx(chance(short_or_long, age_of(old), 900.0), abs=0.1)


def test_the_mean_is_that_of_the_law() -> None:
    durations = learnt(memoryless)
    assert durations.outlook(NOW, {}).mean() == pytest.approx(60.0, rel=0.15)
    assert durations.seconds == pytest.approx(60.0, rel=0.1)


def test_a_slot_that_is_never_idle_begins_a_task_each_mean() -> None:
    outlook = learnt(memoryless).outlook(NOW, {})
    for seconds in (600.0, 1_200.0):
        assert outlook.renewals(seconds, 1_200.0) == pytest.approx(seconds / 60, rel=0.25)


def test_tasks_that_all_run_as_long_are_known_to_a_bucket_on_either_side() -> None:
    """Buckets are 30 % wide and smoothed over their neighbours; the plain mean is exact."""
    durations = learnt(always_two_minutes)
    outlook = durations.outlook(NOW, {})
    assert 120 / 1.3**2 < outlook.mean() < 120 * 1.3**2
    assert durations.seconds == pytest.approx(120.0)
    assert outlook.ends_within(started(60.0), 200.0)[0] > 0.8
    assert outlook.ends_within(group_of(NOW), 20.0)[0] < 0.1
    # Too few are expected, and never too many: that launches early, not late.
    assert 5 / 1.3**2 < outlook.renewals(600.0, 1_200.0) < 5.5


def test_tasks_much_shorter_than_the_horizon_count_by_their_mean() -> None:
    outlook = learnt(lambda r: r.expovariate(2.0)).outlook(NOW, {})
    assert outlook.renewals(300.0, 3_600.0) == pytest.approx(600, rel=0.25)


def test_what_runs_says_as_much_as_what_ended() -> None:
    """Many that have run for an hour: tasks are longer than those that ended let one think."""
    durations = learnt(memoryless, completions=60)
    alone = durations.outlook(NOW, {}).mean()
    beside = durations.outlook(NOW, {started(3_600.0): 100.0}).mean()
    assert beside > 5 * alone


def test_tasks_that_started_together_are_alike() -> None:
    quick, slow = started(1_300.0), started(2_500.0)
    durations = learnt(memoryless)
    durations.add([((quick + 0.5) * TOGETHER_SECONDS + 4, 4.0)] * 60)
    outlook = durations.outlook(NOW, {slow: 40.0})
    assert outlook.factor(quick) > 2
    assert outlook.factor(slow) < 0.5
    assert outlook.factor(started(30_000.0)) == pytest.approx(1.0)
    assert outlook.ends_within(quick, 30.0)[0] > outlook.ends_within(slow, 30.0)[0]
    assert outlook.ends_in(quick) < outlook.ends_in(slow)


def test_what_was_long_ago_is_forgotten() -> None:
    durations = learnt(lambda _: 1_000.0, 2_000)
    durations.add((NOW + n, 10.0) for n in range(12_000))
    assert durations.outlook(NOW, {}).mean() < 20
    assert durations.seconds < 20


def test_few_completions_say_so() -> None:
    durations = Durations()
    assert durations.outlook(NOW, {}).seen == 0
    durations.add((NOW, 5.0) for _ in range(ENOUGH))
    assert durations.outlook(NOW, {}).seen == ENOUGH


def test_a_task_that_ended_before_it_began_ran_for_no_time() -> None:
    durations = Durations()
    durations.add([(NOW + n, -30.0) for n in range(50)])
    outlook = durations.outlook(NOW + 50, {started(0.0): 5.0})
    assert durations.seconds == 0.0
    assert outlook.mean() < 1
    assert outlook.ends_within(started(0.0), 600.0)[0] > 0.9


some_completions = st.lists(
    st.tuples(st.floats(NOW - 9e4, NOW + 60), st.floats(0, 2e5)), max_size=40
)
some_running: st.SearchStrategy[Running] = st.dictionaries(
    st.floats(-60, 2e5).map(started), st.floats(0.1, 400), max_size=6
)


def outlook_of(completions: list[tuple[float, float]], running: Running) -> Outlook:
    durations = Durations()
    durations.add(completions)
    durations.outlook(NOW - 15, {})
    return durations.outlook(NOW, running)


@settings(max_examples=150, deadline=None)
@given(some_completions, some_running, st.floats(-60, 2e5).map(started))
def test_a_chance_is_one_and_grows_with_the_time(
    completions: list[tuple[float, float]], running: Running, group: int
) -> None:
    outlook = outlook_of(completions, running)
    before = 0.0
    for seconds in (0.0, 1.0, 30.0, 300.0, 9_000.0):
        found, deviation = outlook.ends_within(group, seconds)
        assert before - 1e-12 <= found <= 1
        assert 0 <= deviation < math.inf
        before = found
    assert 0 < outlook.ends_in(group) < math.inf
    assert 0 < outlook.mean() < math.inf
    begun = [outlook.renewals(seconds, 1_000.0) for seconds in (-5.0, 0.0, 10.0, 500.0, 1_000.0)]
    assert begun[:2] == [0.0, 0.0]
    assert begun == sorted(begun)
    assert begun[-1] < math.inf


@settings(max_examples=100, deadline=None)
@given(some_completions, some_running)
def test_it_is_written_and_read(completions: list[tuple[float, float]], running: Running) -> None:
    durations = Durations()
    durations.add(completions)
    data = durations.to_data()
    again = Durations.from_data(data)
    assert again.to_data() == data
    one, other = durations.outlook(NOW, running), again.outlook(NOW, running)
    for group in running:
        assert other.ends_within(group, 60.0) == pytest.approx(
            one.ends_within(group, 60.0), rel=0.02, abs=1e-3
        )


def test_it_stays_small() -> None:
    """Weeks of completions in thousands of groups, also where nobody ever asks for an outlook."""
    asked, never = Durations(), Durations()
    for tick in range(3_000):
        at = NOW + 600.0 * tick
        asked.add([(at, 30.0), (at, 90.0)])
        never.add([(at, 30.0), (at, 90.0)])
        asked.outlook(at, {})
    for durations in (asked, never):
        data = durations.to_data()
        assert len(data["groups"]) <= 240
        assert len(data["pending"]) <= 256


@pytest.mark.parametrize("wrong", [{}, {"counts": []}, {"counts": [1.0]}])
def test_what_is_none_is_refused(wrong: dict[str, object]) -> None:
    data = Durations().to_data()
    with pytest.raises((KeyError, ValueError)):
        Durations.from_data(wrong if not wrong else {**data, **wrong})
