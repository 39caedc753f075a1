"""Cron expressions of windows in numbers, over a week, and beside each other."""

from __future__ import annotations

import pytest

from ops.stack.crons import minutes_of_week, never_together, plain_cron


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("*/15 0-6 1,15 * *", "*/15 0-6 1,15 * *"),
        ("0 8 * jan-mar sun", "0 8 * 1-3 0"),
        ("0  8 * * MON,WED", "0 8 * * 1,3"),
        ("0 8 L * *", None),
        ("0 8 * * MON#2", None),
        ("0 8 * * SAT-SUN", None),
    ],
)
def test_cron_in_numbers(cron: str, text: str | None) -> None:
    assert plain_cron(cron) == text


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("5 8 * * *", {day * 1440 + 485 for day in range(7)}),
        ("0 0,1 * * 0", {0, 60}),
        ("0 0 * * 7", {0}),
        ("0 0 1-31 * *", None),  # with a day of the week either would be enough
        ("0 0 */2 * *", None),
        ("0 0 * 1-11 *", None),
        ("0 0 * * MON#2", None),
        ("0 0 * * 5L", None),
    ],
)
def test_what_comes_every_week(cron: str, minutes: set[int] | None) -> None:
    assert minutes_of_week(cron) == minutes


@pytest.mark.parametrize(
    ("one", "other", "never"),
    [
        ("0 8 1 * *", "0 9 1 * *", True),
        ("0 8 1 * *", "30 8 1 * *", True),
        ("0 8 1 1 *", "0 8 1 2 *", True),
        ("0 8 1 * *", "0 8 2 * *", True),
        ("0 8 1 * *", "0 8 1 * *", False),
        ("0 8 1 * *", "0 8 2 * MON", False),
    ],
)
def test_expressions_that_never_fire_together(one: str, other: str, never: bool) -> None:
    assert never_together(one, other) is never
