"""Windows of scaling as scheduled actions of a group. Pure.

The scaling engine keeps windows by itself, to the tick. A scheduled action raises the group's own
minimum as well, which Auto Scaling holds while no engine runs. Only minimums: a desired capacity is
the engine's, and a maximum that was lowered by the clock would have Auto Scaling choose what ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from worker.fleet import Queue, ScalingWindow

_NAMED: Final = {
    name: str(number)
    for names in (
        ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
        ("", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    )
    for number, name in enumerate(names)
    if name
}
_NAME: Final = re.compile("|".join(_NAMED))
#: What every cron has: the last day of a month, or its second Monday, is left to the engine.
_PLAIN: Final = re.compile(r"[0-9*,/-]+( [0-9*,/-]+){4}")
_RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)")


def scheduled_actions(queue: Queue) -> dict[str, dict[str, Any]]:
    """Return the scheduled actions of a queue's group as resources by logical id.

    None of a window that sets no minimum, that Auto Scaling's cron cannot say, or whose minimum
    another window's maximum forbids: the group's minimum would win there.
    """
    windows = queue.scaling.windows
    lowest = min((each.max for each in windows if each.max is not None), default=None)
    resources = {}
    for number, window in enumerate(windows, 1):
        if window.min is None or (lowest is not None and window.min > lowest):
            continue
        actions = dict(_actions(number, window, queue.nodes.min))
        if len(actions) == 2:
            resources.update(actions)
    return resources


def plain_cron(expression: str) -> str | None:
    """Return five fields of cron in numbers alone, or None where there is no such text."""
    text = _NAME.sub(lambda match: _NAMED[match[0]], " ".join(expression.upper().split()))
    if _PLAIN.fullmatch(text) is None:
        return None
    backwards = any(int(low) > int(high) for low, high in _RANGE.findall(text))
    return None if backwards else text


def _actions(
    number: int, window: ScalingWindow, otherwise: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    times = (("Begins", window.begins, window.min), ("Ends", window.ends, otherwise))
    for word, cron, minimum in times:
        recurrence = plain_cron(cron)
        if recurrence is None:
            continue
        yield (
            f"Window{number}{word}",
            {
                "Type": "AWS::AutoScaling::ScheduledAction",
                "Properties": {
                    "AutoScalingGroupName": {"Ref": "Group"},
                    "MinSize": minimum,
                    "Recurrence": recurrence,
                    "TimeZone": window.timezone,
                },
            },
        )
