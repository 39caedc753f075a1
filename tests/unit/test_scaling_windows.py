"""Windows of scaling against a clock that is read minute by minute, and where they overlap."""

import os
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.scaling.settings import Settings, Window
from ops.scaling.windows import InForce, active_at, bounds_at, in_force, next_change

MINUTE = timedelta(minutes=1)
EVERY_DAY = frozenset(range(7))

Times = tuple[frozenset[int], frozenset[int], frozenset[int]]
"""Minutes, hours, and days of the week as cron counts them: Sunday is 0."""


def times(minutes: str, hours: str, days: str = "*") -> Times:
    """Plain cron fields, read without cronsim: lists and ranges."""

    def read(field: str, whole: range) -> frozenset[int]:
        if field == "*":
            return frozenset(whole)
        values: set[int] = set()
        for part in field.split(","):
            first, _, last = part.partition("-")
            values |= set(range(int(first), int(last or first) + 1))
        return frozenset(values)

    return read(minutes, range(60)), read(hours, range(24)), read(days, range(7))


def shows(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def changes(
    pairs: list[tuple[Times, Times]], zone: ZoneInfo, start: datetime, end: datetime
) -> list[list[tuple[float, bool]]]:
    """When each pair of beginnings and ends turns, by walking a clock that never goes back.

    Every minute that the clock shows for the first time, and every one it skips, is taken in its
    order; an end and a beginning of the same minute are a beginning.
    """
    turned: dict[tuple[int, int, int], list[tuple[int, bool]]] = {}
    for index, (begin, end_) in enumerate(pairs):
        for state, (minutes_, hours_, days) in ((False, end_), (True, begin)):
            for minute_of_a_week in product(days, hours_, minutes_):
                turned.setdefault(minute_of_a_week, []).append((index, state))
    at = start
    furthest = shows(at, zone) - MINUTE
    states: list[bool | None] = [None] * len(pairs)
    found: list[list[tuple[float, bool]]] = [[] for _ in pairs]
    while at < end:
        now = shows(at, zone)
        if now > furthest:
            before = tuple(states)
            while furthest < now:
                furthest += MINUTE
                shown = (furthest.isoweekday() % 7, furthest.hour, furthest.minute)
                for index, state in turned.get(shown, ()):
                    states[index] = state
            if before == tuple(states):
                at += MINUTE
                continue
            for index, (old, new) in enumerate(zip(before, states, strict=True)):
                if new is not None and old is not new:
                    found[index].append((at.timestamp(), new))
        at += MINUTE
    return found


def turns(window: Window, start: float, end: float) -> Iterator[tuple[float, bool]]:
    """The same as our code has it, from one change to the next."""
    at = next_change((window,), start)
    while at is not None and at < end:
        yield at, bool(active_at((window,), at))
        at = next_change((window,), at)


# What begins and ends in the hours that clocks change at, by the hour, over nights and weekends.
CRONS = [
    ("0 8 * * 1-5", "0 18 * * 1-5"),
    ("0 18 * * 5", "0 8 * * 1"),
    ("30 2 * * *", "15 3 * * *"),
    ("10 2 * * *", "40 2 * * *"),
    ("30 1 * * *", "45 1 * * *"),
    ("50 1 * * *", "10 2 * * *"),
    ("0 0 * * *", "30 0 * * *"),
    ("45 23 * * *", "0,20 0 * * *"),
    ("0,20,40 * * * *", "10,50 * * * *"),
    ("0 0,4,8,12,16,20 * * *", "0 0,2,4,6,8,10,12,14,16,18,20,22 * * *"),
]
PAIRS = [
    (times(*b.split()[:2], b.split()[4]), times(*e.split()[:2], e.split()[4])) for b, e in CRONS
]
A_YEAR = (datetime(2026, 1, 5, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC))
THE_NEXT = (datetime(2027, 1, 5, tzinfo=UTC), datetime(2028, 1, 5, tzinfo=UTC))
LONG = os.environ.get("FLEET_LONG") is not None
A_DAY_THAT_NEVER_WAS = (datetime(2011, 12, 26, tzinfo=UTC), datetime(2012, 1, 8, tzinfo=UTC))


def around_its_changes(
    zone: ZoneInfo, span: tuple[datetime, datetime]
) -> list[tuple[datetime, datetime]]:
    """The ten days before and after each change of a zone's offset; the whole span if LONG."""
    days = [span[0] + timedelta(days=n) for n in range((span[1] - span[0]).days)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    changed = [
        day for day, old, new in zip(days[1:], offsets, offsets[1:], strict=False) if old != new
    ]
    around = [(day - timedelta(days=10), day + timedelta(days=10)) for day in changed]
    return [span] if LONG else around


@pytest.mark.parametrize(
    ("name", "span", "times_changed"),
    [
        ("America/New_York", A_YEAR, 2),
        ("America/New_York", THE_NEXT, 2),
        ("Australia/Lord_Howe", A_YEAR, 2),  # half an hour
        ("Australia/Lord_Howe", THE_NEXT, 2),
        ("America/Santiago", A_YEAR, 2),  # at midnight
        ("Antarctica/Troll", THE_NEXT, 2),  # two hours
        ("Pacific/Apia", A_DAY_THAT_NEVER_WAS, 1),
    ],
)
def test_minute_by_minute_around_every_change(
    name: str, span: tuple[datetime, datetime], times_changed: int
) -> None:
    zone = ZoneInfo(name)
    spans = around_its_changes(zone, span)
    assert LONG or len(spans) == times_changed
    for start, end in spans:
        # A week earlier, so that each has begun and ended by then.
        expected = changes(PAIRS, zone, start - timedelta(days=8), end)
        for (begins, ends), all_turns in zip(CRONS, expected, strict=True):
            window = Window(begins, ends, name, minimum=1)
            wanted = [turn for turn in all_turns if turn[0] > start.timestamp()]
            assert len(wanted) > 2
            assert list(turns(window, start.timestamp(), end.timestamp())) == wanted


def test_the_clock_that_the_others_are_held_to_knows_both_changes() -> None:
    zone = ZoneInfo("America/New_York")
    pair = [(times("30", "2"), times("15", "3")), (times("30", "1"), times("45", "1"))]
    spring = datetime(2027, 3, 14, 5, tzinfo=UTC)
    jump = datetime(2027, 3, 14, 7, tzinfo=UTC).timestamp()
    skipped, _ = changes(pair, zone, spring, spring + timedelta(hours=6))
    assert skipped == [(jump, True), (jump + 15 * 60, False)]
    autumn = datetime(2027, 11, 7, 4, tzinfo=UTC)
    first = datetime(2027, 11, 7, 5, 30, tzinfo=UTC).timestamp()
    _, repeated = changes(pair, zone, autumn, autumn + timedelta(hours=6))
    assert repeated == [(first, True), (first + 15 * 60, False)]


minutes = st.sets(st.integers(0, 59), min_size=1, max_size=3)
hours = st.sets(st.integers(0, 4), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(
    begin=st.tuples(minutes, hours),
    end=st.tuples(minutes, hours),
    change=st.sampled_from(
        [
            ("Europe/Berlin", datetime(2027, 3, 28, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2027, 10, 31, tzinfo=UTC)),
            ("Australia/Lord_Howe", datetime(2027, 4, 3, tzinfo=UTC)),
            ("Australia/Lord_Howe", datetime(2027, 10, 2, tzinfo=UTC)),
        ]
    ),
)
def test_any_times_around_a_change(
    begin: tuple[set[int], set[int]],
    end: tuple[set[int], set[int]],
    change: tuple[str, datetime],
) -> None:
    zone, day = change
    listed = [
        tuple(",".join(str(value) for value in sorted(field)) for field in each)
        for each in (begin, end)
    ]
    window = Window(*(f"{m} {h} * * *" for m, h in listed), zone, minimum=1)
    start, stop = day - timedelta(days=1), day + timedelta(days=2)
    pairs = [(times(*listed[0]), times(*listed[1]))]
    (expected,) = changes(pairs, ZoneInfo(zone), start - timedelta(days=2), stop)
    wanted = [turn for turn in expected if turn[0] > start.timestamp()]
    assert list(turns(window, start.timestamp(), stop.timestamp())) == wanted
    # Asked for at any moment, from any side: the state is that of the last turn before it.
    rng = random.Random(1)
    for _ in range(20):
        at = rng.uniform(start.timestamp(), stop.timestamp())
        last = max((turn for turn in expected if turn[0] <= at), default=None)
        assert bool(active_at((window,), at)) is (last is not None and last[1])


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


OFFICE = Window("0 8 * * MON-FRI", "0 18 * * 1-5", "America/New_York", minimum=4, desired=6)
WEEKEND = Window("0 18 * * FRI", "0 8 * * MON", "UTC", minimum=2, maximum=8)
NIGHT = Window("0 22 * * *", "0 6 * * *", "Europe/Berlin", maximum=3)
WINTER = Window("0 0 1 11 *", "0 0 1 3 *", "UTC", minimum=1)


def test_nothing_is_in_force_without_windows() -> None:
    assert in_force((), 0.0) == InForce()
    assert next_change((), 0.0) is None


def test_one_window_at_its_edges() -> None:
    begins, ends = at("2027-06-02T08:00-04:00"), at("2027-06-02T18:00-04:00")
    assert in_force((OFFICE,), begins - 0.001) == InForce()
    assert in_force((OFFICE,), begins) == InForce(
        4, None, 6, "MON-FRI 08:00-18:00 America/New_York: min 4, desired 6"
    )
    assert in_force((OFFICE,), ends - 0.001).minimum == 4
    assert in_force((OFFICE,), ends) == InForce()
    assert next_change((OFFICE,), begins - 0.001) == begins
    assert next_change((OFFICE,), begins) == ends
    assert next_change((OFFICE,), ends) == at("2027-06-03T08:00-04:00")


def test_what_began_long_ago_is_in_force() -> None:
    middle = at("2027-02-10T12:00Z")
    assert in_force((WINTER,), middle).minimum == 1
    assert next_change((WINTER,), middle) == at("2027-03-01T00:00Z")
    leap_day = Window("0 0 29 2 *", "0 0 28 2 *", "UTC", minimum=1)
    assert in_force((leap_day,), at("2024-12-31T12:00Z")).why == (
        'from "0 0 29 2 *" to "0 0 28 2 *" UTC: min 1'
    )
    assert next_change((leap_day,), at("2027-03-01T00:00Z")) == at("2028-02-29T00:00Z")


def test_a_week_end_goes_over_days() -> None:
    assert in_force((WEEKEND,), at("2027-06-06T23:59Z")).why == (
        "FRI 18:00 to MON 08:00 UTC: min 2, max 8"
    )
    assert next_change((WEEKEND,), at("2027-06-06T23:59Z")) == at("2027-06-07T08:00Z")


def test_where_they_overlap_the_largest_minimum_and_the_smallest_maximum_count() -> None:
    more = Window("0 0 * * *", "0 12 * * *", "UTC", minimum=5, maximum=20)
    found = in_force((WEEKEND, more), at("2027-06-06T03:00Z"))
    assert (found.minimum, found.maximum, found.desired) == (5, 8, None)
    assert found.why == "FRI 18:00 to MON 08:00 UTC: min 2, max 8; 00:00-12:00 UTC: min 5, max 20"


def test_a_maximum_wins_over_a_minimum_and_says_so() -> None:
    more = Window("0 0 * * *", "0 12 * * *", "UTC", minimum=5, desired=7)
    found = in_force((NIGHT, more), at("2027-06-06T03:00Z"))
    assert (found.minimum, found.maximum, found.desired) == (3, 3, 3)
    assert found.why.endswith("; the maximum of 3 wins")


@pytest.mark.parametrize(
    ("windows", "minimum", "maximum"),
    [
        ((), 1, 10),
        ((OFFICE,), 6, 10),
        ((WINTER,), 1, 10),
        ((Window("0 0 * * *", "0 23 * * *", "UTC", minimum=0, maximum=99),), 1, 10),
        ((Window("0 0 * * *", "0 23 * * *", "UTC", minimum=40),), 10, 10),
        ((Window("0 0 * * *", "0 23 * * *", "UTC", maximum=0),), 0, 0),
    ],
)
def test_a_window_narrows_bounds_and_never_widens_them(
    windows: tuple[Window, ...], minimum: int, maximum: int
) -> None:
    queue = Settings("q", 4, minimum=1, maximum=10, windows=windows)
    bounds = bounds_at(queue, at("2027-06-02T16:00Z"))
    assert (bounds.minimum, bounds.maximum) == (minimum, maximum)


def test_a_window_that_never_ends_or_begins_is_no_endless_search() -> None:
    always = Window("0 0 * * *", "0 0 * * *", "UTC", minimum=1)
    never = Window("0 0 */40 * MON#5", "0 0 * * *", "UTC", minimum=1)
    now = at("2027-06-02T16:00Z")
    assert (bool(active_at((always,), now)), next_change((always,), now)) == (True, None)
    assert (bool(active_at((never,), now)), next_change((never,), now)) == (False, None)


def calls_within(call: Callable[[], object]) -> int:
    """How many functions, Python's and C's, a call calls."""
    made: list[str] = []

    def note(_frame: object, event: str, _arg: object) -> None:
        if event in {"call", "c_call"}:
            made.append(event)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return len(made)


def test_a_look_up_is_cheap_where_nothing_changed() -> None:
    windows = (OFFICE, WEEKEND, NIGHT, WINTER)
    now = at("2031-06-02T16:00Z")  # a day that no other test looks at
    assert calls_within(lambda: in_force(windows, now)) > 500
    # A few for each window, and none of them reads a calendar.
    assert calls_within(lambda: in_force(windows, now + 60)) < 10 * len(windows)
    assert calls_within(lambda: next_change(windows, now + 60)) < 10 * len(windows)
