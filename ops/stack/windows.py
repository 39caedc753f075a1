"""Windows of scaling as scheduled actions of a group. Pure.

The scaling engine keeps windows by itself, to the tick. Scheduled actions set the group's own
minimum as well, which Auto Scaling holds while no engine runs. Only minimums: a desired capacity is
the engine's, and a maximum that was lowered by the clock would have Auto Scaling choose what ends.

The minimum that an action sets is the one that holds from its moment on, by the rule of
`ops.scaling.windows`: the largest minimum in force, and a maximum wins over it. Two actions of one
moment are none: Auto Scaling refuses them (User Guide, "Scheduled scaling", limitations).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.stack.crons import (
    DAY_MINUTES,
    minutes_of_week,
    never_together,
    plain_cron,
)

if TYPE_CHECKING:
    from worker.fleet import Fleet, Queue, ScalingWindow

#: EC2 Auto Scaling quotas, scheduled actions of a group.
MOST_ACTIONS: Final = 125
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A queue's windows, as far as its group can keep them without an engine."""

    actions: dict[str, dict[str, Any]]
    """The scheduled actions as resources, by logical id."""
    left: dict[int, str]
    """By number, from 0 on, the windows whose minimum the engine alone keeps, and why."""


def scheduled(queue: Queue) -> Scheduled:
    """Return the scheduled actions of a queue's group, and the windows that have none.

    What the actions set is the engine's minimum where no window is left, and no more than that
    where one is.
    """
    windows = dict(enumerate(queue.scaling.windows))
    bounding = {n: w for n, w in windows.items() if w.min is not None or w.max is not None}
    taken, left = _taken(bounding)
    chosen = [windows[number] for number in taken]
    actions = dict(_actions(chosen, queue))
    if len(actions) > MOST_ACTIONS:
        many = f"a group has at most {MOST_ACTIONS} scheduled actions, these were {len(actions)}"
        actions, left = {}, {**left, **dict.fromkeys(taken, many)}
    raises = {n for n, w in windows.items() if w.min is not None and w.min > queue.nodes.min}
    return Scheduled(actions, {number: left[number] for number in sorted(raises & set(left))})


def notes(fleet: Fleet, queues: Iterable[str]) -> Iterator[str]:
    """Yield a line for each window of these queues that their groups do not keep by themselves."""
    for name in queues:
        queue = fleet.queue(name)
        for number, why in scheduled(queue).left.items() if queue.runtime == "ec2" else ():
            yield (
                f"{fleet.path}: queues.{name}.scaling.windows[{number}]: its min is kept by the "
                f"scaling engine, not by the group while no engine runs: {why}"
            )


def minimums(resources: Mapping[str, Mapping[str, Any]]) -> frozenset[int]:
    """Return what the scheduled actions among resources of a template set minimums to."""
    return frozenset(
        int(each["Properties"]["MinSize"])
        for each in resources.values()
        if each["Type"] == "AWS::AutoScaling::ScheduledAction"
    )


def _taken(windows: dict[int, ScalingWindow]) -> tuple[list[int], dict[int, str]]:
    """Return the windows that actions are made of, and the others with the reason.

    Those that come every week, of one time zone, can be laid over each other; any other one only
    stands for itself.
    """
    weekly = {n: w for n, w in windows.items() if _turns(w) is not None}
    first = next((n for n, w in weekly.items() if w.min is not None), None)
    if first is not None:
        zone = windows[first].timezone
        taken = [n for n, w in weekly.items() if w.timezone == zone]
        left = {n: _beside(w, zone) for n, w in windows.items() if n not in taken}
    else:
        taken = [n for n, w in windows.items() if w.min is not None and _recurs(w)][:1]
        left = {n: _beside(w, "") for n, w in windows.items() if n not in taken}
    # The group's minimum would win over a maximum that no action knows.
    while high := [n for n in taken if _forbidden(windows[n], [windows[m] for m in left])]:
        taken = [n for n in taken if n not in high]
        left |= dict.fromkeys(high, "a window that the engine alone keeps has a lower max")
    return taken, left


def _forbidden(window: ScalingWindow, others: Sequence[ScalingWindow]) -> bool:
    lowest = min((each.max for each in others if each.max is not None), default=None)
    return window.min is not None and lowest is not None and window.min > lowest


def _recurs(window: ScalingWindow) -> tuple[str, str] | None:
    """Return the two recurrences that a window of its own can be, or None."""
    begins, ends = plain_cron(window.begins), plain_cron(window.ends)
    if begins is None or ends is None or not never_together(window.begins, window.ends):
        return None
    return begins, ends


def _beside(window: ScalingWindow, zone: str) -> str:
    if _turns(window) is not None:
        return f"its time zone is {window.timezone}, that of the windows before it {zone}"
    if _recurs(window) is None:
        return "Auto Scaling's cron cannot say when it begins and ends"
    return "it goes by dates, and its group has other windows"


def _turns(window: ScalingWindow) -> tuple[frozenset[int], frozenset[int]] | None:
    """Return the minutes of a week at which it begins and ends, or None where weeks differ."""
    begins, ends = minutes_of_week(window.begins), minutes_of_week(window.ends)
    return None if begins is None or ends is None else (begins, ends)


def _actions(
    windows: Sequence[ScalingWindow], queue: Queue
) -> Iterator[tuple[str, dict[str, Any]]]:
    if not windows:
        return
    zone, turns = windows[0].timezone, [_turns(window) for window in windows]
    weekly = [each for each in turns if each is not None]
    if not weekly:
        (window,) = windows
        yield from _alone(window, queue)
        return
    for minute, minimum in _changes(windows, weekly, queue):
        day, of_day = divmod(minute, DAY_MINUTES)
        hour, past = divmod(of_day, 60)
        # By their moment: what takes its place in an update has its name, and is not refused.
        name = f"{_DAYS[day]}At{hour:02}{past:02}"
        yield name, _action(f"{past} {hour} * * {day}", zone, minimum)


def _alone(window: ScalingWindow, queue: Queue) -> Iterator[tuple[str, dict[str, Any]]]:
    recurs = _recurs(window)
    during, after = _minimum((window,), queue), _minimum((), queue)
    if recurs is not None and during != after:
        yield "WindowBegins", _action(recurs[0], window.timezone, during)
        yield "WindowEnds", _action(recurs[1], window.timezone, after)


def _changes(
    windows: Sequence[ScalingWindow],
    turns: Sequence[tuple[frozenset[int], frozenset[int]]],
    queue: Queue,
) -> Iterator[tuple[int, int]]:
    """Yield the minutes of a week from which on there is another minimum, and which."""
    moments = sorted(frozenset[int]().union(*(begins | ends for begins, ends in turns)))
    states = [False] * len(windows)
    held: dict[int, int] = {}
    # Twice around: what is in force as a week begins is known at its end.
    for minute in moments * 2:
        # What begins and ends in one minute begins.
        states = [
            minute in begins or (state and minute not in ends)
            for (begins, ends), state in zip(turns, states, strict=True)
        ]
        active = [window for window, state in zip(windows, states, strict=True) if state]
        held[minute] = _minimum(active, queue)
    if len(set(held.values())) == 1:
        if held[moments[0]] != queue.nodes.min:
            yield moments[0], held[moments[0]]
        return
    before = held[moments[-1]]
    for minute in moments:
        if held[minute] != before:
            yield minute, held[minute]
        before = held[minute]


def _minimum(windows: Sequence[ScalingWindow], queue: Queue) -> int:
    """Return the minimum while these are in force."""
    nodes = queue.nodes
    floor = max((nodes.min, *(each.min for each in windows if each.min is not None)))
    return min((floor, nodes.max, *(each.max for each in windows if each.max is not None)))


def _action(recurrence: str, zone: str, minimum: int) -> dict[str, Any]:
    return {
        "Type": "AWS::AutoScaling::ScheduledAction",
        "Properties": {
            "AutoScalingGroupName": {"Ref": "Group"},
            "MinSize": minimum,
            "Recurrence": recurrence,
            "TimeZone": zone,
        },
    }
