"""Windows of scaling as scheduled actions: beside the engine's own reading of them, for a year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from ops.scaling.settings import settings_of
from ops.scaling.window_times import moment
from ops.scaling.windows import bounds_at, next_change
from ops.stack.windows import MOST_ACTIONS, minimums, scheduled
from tests.unit.stack_fleets import plain
from worker.fleet import Queue


def mail(*windows: str, least: int = 1) -> Queue:
    nodes = f"nodes = {{ min = {least}, max = 9 }}"
    return plain(queue=f"{nodes}\nscaling.windows = [{', '.join(windows)}]").queue("mail")


def window(begins: str, ends: str, zone: str = "Europe/Berlin", **sets: int) -> str:
    bounds = "".join(f", {name} = {value}" for name, value in sets.items())
    return f'{{ begins = "{begins}", ends = "{ends}", timezone = "{zone}"{bounds} }}'


def properties(queue: Queue) -> list[dict[str, Any]]:
    return [each["Properties"] for each in scheduled(queue).actions.values()]


def told(queue: Queue) -> dict[str, tuple[str, int]]:
    """Each action's recurrence and minimum, by its name."""
    return {
        name: (each["Properties"]["Recurrence"], each["Properties"]["MinSize"])
        for name, each in scheduled(queue).actions.items()
    }


OFFICE = window("0 8 * * MON-FRI", "30 18 * * MON-FRI", min=4)
DAILY = ("8-18", window("0 8 * * *", "0 18 * * *", min=3))


def test_a_window_raises_the_minimum_and_gives_it_back() -> None:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    assert told(mail(OFFICE)) == {
        f"{day}At{time}": (f"{recurrence} * * {number}", minimum)
        for number, day in enumerate(days, 1)
        for time, recurrence, minimum in (("0800", "0 8", 4), ("1830", "30 18", 1))
    }
    first = scheduled(mail(OFFICE)).actions["MondayAt0800"]
    assert first == {
        "Type": "AWS::AutoScaling::ScheduledAction",
        "Properties": {
            "AutoScalingGroupName": {"Ref": "Group"},
            "MinSize": 4,
            "Recurrence": "0 8 * * 1",
            "TimeZone": "Europe/Berlin",
        },
    }
    assert minimums(scheduled(mail(OFFICE)).actions) == {1, 4}


def test_windows_that_touch_change_the_minimum_once() -> None:
    queue = mail(
        window("0 8 * * MON", "0 18 * * MON", min=3), window("0 18 * * MON", "0 20 * * MON", min=5)
    )
    assert told(queue) == {
        "MondayAt0800": ("0 8 * * 1", 3),
        "MondayAt1800": ("0 18 * * 1", 5),
        "MondayAt2000": ("0 20 * * 1", 1),
    }


def test_a_window_that_ends_inside_another_gives_back_the_others_minimum() -> None:
    queue = mail(
        window("0 6 * * MON", "0 20 * * MON", min=3), window("0 8 * * MON", "0 12 * * MON", min=5)
    )
    assert told(queue) == {
        "MondayAt0600": ("0 6 * * 1", 3),
        "MondayAt0800": ("0 8 * * 1", 5),
        "MondayAt1200": ("0 12 * * 1", 3),
        "MondayAt2000": ("0 20 * * 1", 1),
    }


def test_what_does_not_change_the_minimum_is_no_action() -> None:
    queue = mail(
        window("0 6 * * MON", "0 20 * * MON", min=5), window("0 8 * * MON", "0 12 * * MON", min=3)
    )
    assert set(told(queue)) == {"MondayAt0600", "MondayAt2000"}
    assert told(mail(window("0 8 * * *", "0 9 * * *", max=4))) == {}
    assert told(mail(window("0 8 * * *", "0 9 * * *", desired=4))) == {}
    assert told(mail(window("0 8 * * *", "0 9 * * *", min=1))) == {}
    assert told(mail(window("0 0 1 5 *", "0 0 1 6 *", min=1))) == {}


def test_windows_that_fill_the_week_set_their_minimum_all_the_same() -> None:
    halves = (window("0 0 * * 1", "0 0 * * 4", min=4), window("0 0 * * 4", "0 0 * * 1", min=4))
    assert told(mail(*halves)) == {"MondayAt0000": ("0 0 * * 1", 4)}


def test_a_maximum_wins_as_it_does_for_the_engine() -> None:
    queue = mail(OFFICE, window("0 9 * * MON-FRI", "0 10 * * MON-FRI", max=2))
    monday = {name: sets for name, (_, sets) in told(queue).items() if name.startswith("Monday")}
    assert monday == {"MondayAt0800": 4, "MondayAt0900": 2, "MondayAt1000": 4, "MondayAt1830": 1}


def test_a_window_by_dates_is_two_actions_where_it_is_alone() -> None:
    december = window("0 0 1 12 *", "0 0 1 jan *", "UTC", min=6)
    assert told(mail(december)) == {
        "WindowBegins": ("0 0 1 12 *", 6),
        "WindowEnds": ("0 0 1 1 *", 1),
    }
    queue = mail(december, OFFICE)
    assert told(queue) == told(mail(OFFICE))
    assert scheduled(queue).left == {0: "it goes by dates, and its group has other windows"}


@pytest.mark.parametrize(
    ("windows", "left"),
    [
        (
            (OFFICE, window("0 9 * * *", "0 10 * * *", "UTC", min=3)),
            {1: "its time zone is UTC, that of the windows before it Europe/Berlin"},
        ),
        (
            (window("0 9 L * *", "0 10 1 * *", min=3),),
            {0: "Auto Scaling's cron cannot say when it begins and ends"},
        ),
        # May begin and end in one minute, when neither order of two actions is sure.
        (
            (window("0 9 1 * *", "0 9 * * MON", min=3),),
            {0: "Auto Scaling's cron cannot say when it begins and ends"},
        ),
        (
            (OFFICE, window("0 9 * * *", "0 10 * * *", "UTC", max=3)),
            {0: "a window that the engine alone keeps has a lower max"},
        ),
        ((OFFICE, window("0 9 * * *", "0 10 * * *", "UTC", max=4)), {}),
        # Nothing that a group does not do anyway.
        ((OFFICE, window("0 9 * * *", "0 10 * * *", "UTC", min=1)), {}),
        (
            (window("*/20 * * * *", "10-59/20 * * * *", min=3),),
            {0: "a group has at most 125 scheduled actions, these were 1008"},
        ),
    ],
)
def test_what_is_left_to_the_engine_is_told(windows: tuple[str, ...], left: dict[int, str]) -> None:
    queue = mail(*windows)
    assert scheduled(queue).left == left
    kept = [each for number, each in enumerate(windows) if number not in left]
    assert told(queue) == told(mail(*kept))


YEAR = (datetime(2026, 12, 30, tzinfo=UTC), datetime(2028, 1, 5, tzinfo=UTC))
#: On any clock, without a zone.
SINCE, UNTIL = (
    (at + timedelta(days=by)).replace(tzinfo=None) for at, by in zip(YEAR, (-1, 1), strict=True)
)


def steps(queue: Queue) -> Iterator[tuple[float, int]]:
    """What the actions set the minimum to and when, read with the clock that the engine has."""
    fired = []
    for each in properties(queue):
        zone = ZoneInfo(each["TimeZone"])
        for local in takewhile(lambda at: at < UNTIL, CronSim(each["Recurrence"], SINCE)):
            fired.append((local, moment(local, zone).timestamp(), each["MinSize"]))
    times = [local for local, _, _ in fired]
    assert len(set(times)) == len(times), "two actions of one moment"
    yield from ((at, minimum) for _, at, minimum in sorted(fired))


@pytest.mark.parametrize(
    "windows",
    [
        (OFFICE,),
        (DAILY[1], window("0 18 * * *", "0 20 * * *", min=5)),
        (DAILY[1], window("0 6 * * MON", "0 20 * * MON", min=2), OFFICE),
        (window("0 22 * * FRI", "0 4 * * MON", min=2), window("0 0 * * *", "0 3 * * *", min=6)),
        (
            OFFICE,
            window("0 9 * * 1-5", "0 12 * * 1-5", max=3),
            window("0 11 * * 2", "0 9 * * 3", desired=8),
        ),
        (window("0 8,12 * * *", "0 12,18 * * *", min=3), window("0 0 * * 0,7", "0 0 * * 1", max=2)),
        (window("30 2 * * *", "30 3 * * *", min=3), window("15 2 * * *", "0 3 * * *", min=5)),
        (window("*/30 6 * * *", "15,45 6 * * *", min=4), OFFICE),
        (window("0 0 1 12 *", "0 0 1 JAN *", min=6),),
        (OFFICE, OFFICE.replace("Europe/Berlin", "America/New_York").replace("4", "7")),
    ],
)
def test_a_year_of_actions_is_a_year_of_the_engine(windows: tuple[str, ...]) -> None:
    queue = mail(*windows, least=0)
    settings = settings_of(queue)
    left = scheduled(queue).left
    # The engine's minimum has the desired count of windows in it, which is not the group's.
    kept = tuple(
        replace(each, desired=None)
        for number, each in enumerate(settings.windows)
        if number not in left
    )
    group, whole = replace(settings, windows=kept), settings
    changed = dict(steps(queue))
    begin, end = YEAR[0].timestamp(), YEAR[1].timestamp()
    found = next(reversed([n for at, n in changed.items() if at <= begin]), queue.nodes.min)
    at: float | None = begin
    moments = {at for at in changed if begin < at < end}
    while (at := next_change(whole.windows, at or begin)) is not None and at < end:
        moments.add(at)
    assert len(moments) > 1
    seen = set()
    for at in sorted(moments):
        found = changed.get(at, found)
        seen.add(found)
        assert found == bounds_at(group, at).minimum, datetime.fromtimestamp(at, UTC)
        assert found <= bounds_at(whole, at).minimum
    assert len(seen) > 1


def test_as_many_actions_as_a_group_may_have() -> None:
    hours = ",".join(str(hour) for hour in range(0, 16, 2))
    queue = mail(window(f"0 {hours} * * *", f"30 {hours} * * *", min=3))
    assert len(scheduled(queue).actions) == 7 * 16 <= MOST_ACTIONS
