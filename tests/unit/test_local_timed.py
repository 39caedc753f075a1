"""When the local AWS does what is to be done by the clock, as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from ops.local.timed.expressions import (
    Cron,
    Every,
    Once,
    When,
    Within,
    expression,
    five_fields,
)
from ops.local.timed.ticker import Timetable
from ops.schedules.cron import expression as to_six_fields


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def times(when: When, since: str, count: int = 3) -> list[str]:
    found = islice(when.times(at(since)), count)
    return [f"{datetime.fromtimestamp(each, UTC):%Y-%m-%dT%H:%M}" for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 12 * * ? *)", ["2026-11-20T12:00", "2026-11-21T12:00", "2026-11-22T12:00"]),
        # Friday the 20th; days of the week count from Sunday, 1.
        ("cron(0 12 ? * 6 *)", ["2026-11-20T12:00", "2026-11-27T12:00", "2026-12-04T12:00"]),
        ("cron(0 0 ? * 2-6/2 *)", ["2026-11-23T00:00", "2026-11-25T00:00", "2026-11-27T00:00"]),
        ("cron(0 0 ? * MON,7 *)", ["2026-11-21T00:00", "2026-11-23T00:00", "2026-11-28T00:00"]),
        ("cron(0 0 ? * 5/2 *)", ["2026-11-21T00:00", "2026-11-26T00:00", "2026-11-28T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-11-21T00:00", "2026-11-28T00:00", "2026-12-05T00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-11-27T00:00", "2026-12-25T00:00", "2027-01-29T00:00"]),
        ("cron(0 0 ? * 2#1 *)", ["2026-12-07T00:00", "2027-01-04T00:00", "2027-02-01T00:00"]),
        ("cron(10/20 8 L * ? *)", ["2026-11-30T08:10", "2026-11-30T08:30", "2026-11-30T08:50"]),
        (
            "cron(0 0 1 1 ? 2028-2032/2)",
            ["2028-01-01T00:00", "2030-01-01T00:00", "2032-01-01T00:00"],
        ),
        ("cron(59 23 31 12 ? 2026,2027)", ["2026-12-31T23:59", "2027-12-31T23:59"]),
        ("cron(0 0 1 1 ? 2020)", []),
        ("at(2026-11-20T06:00:00)", ["2026-11-20T06:00"]),
        ("at(2026-11-20T05:00:00)", []),
        ("rate(90 minutes)", ["2026-11-20T07:00", "2026-11-20T08:30", "2026-11-20T10:00"]),
    ],
)
def test_an_expression_is_read_as_eventbridge_reads_it(text: str, expected: list[str]) -> None:
    assert times(expression(text, "UTC", 60), "2026-11-20T05:30") == expected


@pytest.mark.parametrize(
    "text",
    [
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(0 12 * * ?)",
        "cron(60 12 * * ? *)",
        "cron(0 12 15W * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 0 *)",
        "cron(0 0 1 1 ? 1969)",
        "cron(0 0 1 1 ? 2030-2020)",
        "cron(0 0 1 1 ? soon)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "at(2026-02-30T00:00:00)",
        "at(soon)",
        "every day",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|day is out of range"):
        expression(text, "UTC", 60)


@pytest.mark.parametrize(
    "cron",
    ["30 6 * * MON-FRI", "*/10 * * * *", "0 0 L * *", "0 0 * * 5L", "5 4 * * SUN", "0 0 * * MON#1"],
)
def test_what_the_manifests_cron_becomes_there_is_what_it_says(cron: str) -> None:
    ours = times(five_fields(cron, "Europe/Berlin"), "2026-03-20T00:00", 40)
    assert (
        times(expression(to_six_fields(cron), "Europe/Berlin", 60), "2026-03-20T00:00", 40) == ours
    )


def test_a_time_that_the_clock_skips_is_none_and_one_it_shows_twice_is_one() -> None:
    daily = expression("cron(30 2 * * ? *)", "Europe/Berlin", 60)
    assert times(daily, "2026-03-28T00:00") == [
        "2026-03-28T01:30",
        "2026-03-30T00:30",
        "2026-03-31T00:30",
    ]
    assert times(daily, "2026-10-24T12:00", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]
    with pytest.raises(ValueError, match="that the clocks of Europe/Berlin show"):
        expression("at(2026-03-29T02:30:00)", "Europe/Berlin", 60)


def test_what_recurs_does_so_within_its_dates() -> None:
    hourly = Cron("0 * * * *")
    within = Within(hourly, at("2026-01-01T03:00"), at("2026-01-01T05:00"))
    assert times(within, "2026-01-01T00:30") == ["2026-01-01T04:00", "2026-01-01T05:00"]
    also = Within(hourly, at("2026-01-01T03:10"), also_first=True)
    assert times(also, "2026-01-01T00:30", 2) == ["2026-01-01T03:10", "2026-01-01T04:00"]
    assert times(also, "2026-01-01T03:30", 2) == ["2026-01-01T04:00", "2026-01-01T05:00"]


def test_each_is_due_once_for_the_last_of_its_times() -> None:
    noon, table = at("2026-01-01T12:00"), Timetable()
    wanted: dict[str, When] = {
        "hourly": Cron("0 * * * *"),
        "once": Once(noon + 60),
        "rate": Every(10.0),
        "at once": Every(10.0, at_once=True),
    }
    assert table.due(wanted, noon, noon) == [(noon, "at once")]
    # The clock is turned: rates go by the time that is nobody's to turn.
    later = noon + 3 * 3600 + 5
    assert table.due(wanted, noon + 5, later) == [(noon + 3 * 3600, "hourly"), (noon + 60, "once")]
    assert table.over() == ["once"]
    assert table.over() == []
    assert table.due(wanted, noon + 31, later) == [(noon + 30, "rate"), (noon + 30, "at once")]


def test_what_changes_or_comes_back_begins_anew() -> None:
    noon, table = at("2026-01-01T12:00"), Timetable()
    every, other = {"a": Every(60.0)}, {"a": Every(30.0)}
    table.due(every, noon, noon)
    assert table.due(other, noon + 40, noon + 40) == []
    assert table.due(other, noon + 70, noon + 70) == [(noon + 70, "a")]
    assert table.due({}, noon + 80, noon + 80) == []
    assert table.due(other, noon + 300, noon + 300) == []
    assert table.due(other, noon + 331, noon + 331) == [(noon + 330, "a")]
