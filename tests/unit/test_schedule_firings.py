"""When schedules fire: both clock changes, what is due and what was missed."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.schedules.clock_changes import clock_changes
from ops.schedules.due import LOOK_BACK, Missed, due, next_due
from ops.schedules.firings import firings
from worker.fleet import Schedule

NEVER = timedelta(0)


def schedule(cron: str, timezone: str = "UTC", name: str = "a", **more: Any) -> Schedule:
    return Schedule(name=name, cron=cron, timezone=timezone, task="t", **more)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fired(cron: str, zone: str, after: str, count: int) -> list[str]:
    times = islice(firings(schedule(cron, zone), utc(after)), count)
    return [f"{at:%m-%d %H:%M}" for at in times]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "times"),
    [
        # The clock goes from 02:00 to 03:00: that day's 02:30 is not there and is not fired.
        ("Europe/Berlin", "30 2 * * *", "2027-03-27 00:00", ["03-27 01:30", "03-29 00:30"]),
        ("America/New_York", "30 2 * * *", "2027-03-13 00:00", ["03-13 07:30", "03-15 06:30"]),
        # By half an hour, from 02:00 to 02:30.
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-02 00:00", ["10-02 15:45", "10-04 15:15"]),
        ("Australia/Lord_Howe", "30 2 * * *", "2026-10-02 00:00", ["10-02 16:00", "10-03 15:30"]),
        # The times around it are.
        (
            "Europe/Berlin",
            "*/30 1-3 28 3 *",
            "2027-03-01 00:00",
            ["03-28 00:00", "03-28 00:30", "03-28 01:00", "03-28 01:30"],
        ),
        # The clock goes from 03:00 back to 02:00: 02:30 comes twice and is fired the first time.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24 00:00",
            ["10-24 00:30", "10-25 00:30", "10-26 01:30"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-31 05:00",
            ["10-31 05:30", "11-01 05:30", "11-02 06:30"],
        ),
        # By half an hour, from 02:00 to 01:30.
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2027-04-02 14:00",
            ["04-02 14:45", "04-03 14:45", "04-04 15:15"],
        ),
        # Also what cron itself would fire again, for it begins with a star.
        (
            "Europe/Berlin",
            "*/30 * * * *",
            "2026-10-24 23:30",
            ["10-25 00:00", "10-25 00:30", "10-25 02:00", "10-25 02:30"],
        ),
        # Begun within the hour's second coming.
        ("Europe/Berlin", "*/30 * * * *", "2026-10-25 01:10", ["10-25 02:00", "10-25 02:30"]),
        # Zones without changes, and one of three quarters of an hour.
        ("UTC", "30 2 * * *", "2027-03-28 00:00", ["03-28 02:30", "03-29 02:30"]),
        ("Asia/Kathmandu", "0 0 * * *", "2027-03-28 00:00", ["03-28 18:15", "03-29 18:15"]),
    ],
)
def test_clock_changes(zone: str, cron: str, after: str, times: list[str]) -> None:
    assert fired(cron, zone, after, len(times)) == times


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(["*/20 * * * *", "30 2 * * *", "15 1,2 * * SUN", "0 3 * * *"]),
    st.integers(0, 2 * 365 * 24 * 60).map(lambda n: utc("2026-01-01 00:00") + timedelta(minutes=n)),
)
def test_wherever_one_begins_the_times_are_the_same(zone: str, cron: str, middle: datetime) -> None:
    each = schedule(cron, zone)
    start, end = middle - timedelta(hours=30), middle + timedelta(hours=30)

    def between(begin: datetime) -> list[datetime]:
        times = []
        for at in firings(each, begin):
            if at > end:
                return times
            times.append(at)
        return times

    all_times = between(start)
    assert all_times == sorted(set(all_times))
    assert between(middle) == [at for at in all_times if at > middle]


def test_what_a_clock_change_does_is_said() -> None:
    now = utc("2026-09-01 12:00")
    said = [str(change) for change in clock_changes(schedule("30 2 * * *", "Europe/Berlin"), now)]
    assert said == [
        "2026-10-25 02:30: shown twice, sent once",
        "2027-03-28 02:30: skipped by the clock, not sent",
    ]
    lord_howe = clock_changes(schedule("*/10 * * * *", "Australia/Lord_Howe"), now)
    assert [str(change) for change in lord_howe] == [
        "2026-10-04 02:00 to 02:20, 3 times: skipped by the clock, not sent",
        "2027-04-04 01:30 to 01:50, 3 times: shown twice, sent once",
    ]
    assert not [*clock_changes(schedule("30 4 * * *", "Europe/Berlin"), now)]
    assert not [*clock_changes(schedule("* * * * *"), now)]


def test_what_is_due_is_sent_in_the_order_of_time() -> None:
    both = (schedule("*/2 * * * *", name="b"), schedule("* * * * *", name="a"))
    found = due(both, utc("2026-11-21 11:59:30"), utc("2026-11-21 12:00:05"), NEVER)
    assert [(f.schedule.name, f.at, f.until) for f in found.send] == [
        ("a", utc("2026-11-21 12:00"), utc("2026-11-21 12:01")),
        ("b", utc("2026-11-21 12:00"), utc("2026-11-21 12:02")),
    ]
    assert not found.missed
    again = due(both, utc("2026-11-21 12:00:05"), utc("2026-11-21 12:00:40"), NEVER)
    assert not again.send
    assert not again.missed


def test_what_is_late_is_missed_unless_it_is_caught_up_on() -> None:
    each = schedule("*/10 * * * *")
    since, now = utc("2026-11-21 11:55"), utc("2026-11-21 12:20:30")
    found = due([each], since, now, NEVER)
    assert [firing.at for firing in found.send] == [utc("2026-11-21 12:20")]
    assert found.missed == (Missed(each, 2, utc("2026-11-21 12:00"), utc("2026-11-21 12:10")),)
    caught_up = due([each], since, now, timedelta(minutes=15))
    assert [firing.at for firing in caught_up.send] == [
        utc("2026-11-21 12:10"),
        utc("2026-11-21 12:20"),
    ]
    assert caught_up.missed == (Missed(each, 1, utc("2026-11-21 12:00"), utc("2026-11-21 12:00")),)


def test_one_does_not_look_back_for_ever() -> None:
    now = utc("2026-11-21 12:00:30")
    found = due([schedule("0 * * * *")], utc("2020-01-01 00:00"), now, NEVER)
    assert found.missed[0].first == utc("2026-11-14 13:00")
    assert found.missed[0].count == LOOK_BACK // timedelta(hours=1) - 1


def test_what_is_disabled_is_neither_sent_nor_missed_nor_next() -> None:
    off, on = schedule("* * * * *", name="off", enabled=False), schedule("0 0 1 1 *", name="on")
    found = due([off], utc("2026-11-21 11:00"), utc("2026-11-21 12:00"), NEVER)
    assert not found.send
    assert not found.missed
    assert next_due([off, on], utc("2026-11-21 11:00")) == (utc("2027-01-01 00:00"), on)
    assert next_due([off], utc("2026-11-21 11:00")) is None
