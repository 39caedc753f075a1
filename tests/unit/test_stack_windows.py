"""Windows of scaling as scheduled actions."""

from __future__ import annotations

from typing import Any

import pytest

from ops.stack.windows import plain_cron, scheduled_actions
from tests.unit.stack_fleets import plain


def actions(*windows: str) -> dict[str, dict[str, Any]]:
    queue = plain(queue=f"nodes = {{ min = 1, max = 9 }}\nscaling.windows = [{', '.join(windows)}]")
    found = scheduled_actions(queue.queue("mail"))
    return {name: each["Properties"] for name, each in found.items()}


OFFICE = (
    '{ begins = "0 8 * * MON-FRI", ends = "30 18 * * MON-FRI", min = 4, '
    'timezone = "Europe/Berlin" }'
)


def test_a_window_raises_the_minimum_and_gives_it_back() -> None:
    found = actions(OFFICE)
    assert found == {
        "Window1Begins": {
            "AutoScalingGroupName": {"Ref": "Group"},
            "MinSize": 4,
            "Recurrence": "0 8 * * 1-5",
            "TimeZone": "Europe/Berlin",
        },
        "Window1Ends": {
            "AutoScalingGroupName": {"Ref": "Group"},
            "MinSize": 1,
            "Recurrence": "30 18 * * 1-5",
            "TimeZone": "Europe/Berlin",
        },
    }


def test_only_a_minimum_is_auto_scalings() -> None:
    assert actions('{ begins = "0 8 * * *", ends = "0 9 * * *", max = 4 }') == {}
    assert actions('{ begins = "0 8 * * *", ends = "0 9 * * *", desired = 4 }') == {}


def test_a_minimum_that_another_windows_maximum_forbids_is_left_to_the_engine() -> None:
    bound = '{ begins = "0 9 * * *", ends = "0 10 * * *", max = 3 }'
    assert actions(OFFICE, bound) == {}
    assert set(actions(OFFICE, bound.replace("max = 3", "max = 4"))) == {
        "Window1Begins",
        "Window1Ends",
    }


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
