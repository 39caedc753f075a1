"""When a node is beyond repair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.node.bounds import ABSENT_SECONDS, DEAF_SECONDS
from ops.node.judge import beyond_repair
from ops.node.roll import Roll, call
from ops.node.seen import Seen
from ops.node.sight import Looked
from tests.unit.node_agent_parts import RUNNING, paused

DEAF = replace(RUNNING, last_poll_age=None)


def looks(*workers: Seen, seconds: float, every: float = 5.0, held: str | None = None) -> Roll:
    """The roll after looks that all found the same; ages grow with them."""
    roll = Roll(0.0)
    at = 0.0
    while at <= seconds:
        older = tuple(
            each
            if each.last_poll_age is None
            else replace(each, last_poll_age=each.last_poll_age + at)
            for each in workers
        )
        roll = call(roll, Looked(at, older, held=held))
        at += every
    return roll


@pytest.mark.parametrize(
    ("workers", "seconds", "verdict"),
    [
        ((RUNNING,), DEAF_SECONDS - 10, ""),
        ((RUNNING,), DEAF_SECONDS + 10, "no poll of it was answered"),
        ((DEAF,), DEAF_SECONDS + 10, "no poll of it was answered"),
        # One without a free slot has nothing to ask for, one that is paused must not ask.
        ((replace(RUNNING, busy=4),), 9999, ""),
        ((paused(last_poll_age=1.0),), 9999, ""),
        ((replace(RUNNING, phase="draining"),), 9999, ""),
        # Nor must one that cannot tell SQS what it has finished.
        ((replace(RUNNING, holding=True),), 9999, ""),
        # Polls that are answered by errors are not the node's fault.
        ((replace(RUNNING, last_poll_error_age=3.0),), 9999, ""),
        ((replace(RUNNING, last_poll_error_age=100.0),), 9999, "no poll of it was answered"),
        ((), ABSENT_SECONDS - 10, ""),
        ((), ABSENT_SECONDS + 10, "no worker has answered for 310 s: none is there"),
        ((Seen(7, trouble="timed out"),), ABSENT_SECONDS + 10, "310 s: timed out"),
        ((Seen(7, trouble="timed out"), paused(pid=8)), 9999, ""),
    ],
)
def test_what_is_beyond_repair(workers: tuple[Seen, ...], seconds: float, verdict: str) -> None:
    found = beyond_repair(looks(*workers, seconds=seconds), seconds)
    assert verdict in found
    assert bool(found) == bool(verdict)
    assert beyond_repair(looks(*workers, seconds=seconds, held="at work on it"), seconds) == ""


def test_a_slot_that_was_free_only_now_makes_nobody_deaf() -> None:
    roll = looks(replace(RUNNING, busy=4, last_poll_age=3600.0), seconds=400)
    roll = call(roll, Looked(405.0, (replace(RUNNING, last_poll_age=4005.0),)))
    assert beyond_repair(roll, 405.0) == ""


@pytest.mark.parametrize(
    ("deaths", "apart", "verdict"),
    [(4, 1.0, False), (5, 1.0, True), (5, 74.0, True), (9, 76.0, False)],
)
def test_deaths_count_within_their_time(deaths: int, apart: float, verdict: bool) -> None:
    roll, at = Roll(0.0), 0.0
    for number in range(deaths):
        at += apart
        roll = call(roll, Looked(at, (replace(RUNNING, pid=100 + number),), dead=(99 + number,)))
    assert bool(beyond_repair(roll, at)) == verdict


def test_who_left_in_good_order_did_not_die() -> None:
    busy = replace(RUNNING, busy=1)
    for last, died in ((RUNNING, 0), (busy, 1), (replace(busy, phase="draining"), 0)):
        roll = call(call(Roll(0.0), Looked(1.0, (last,))), Looked(2.0, ()))
        assert len(roll.died) == died, last
        # A socket left behind is a death, and the same worker dies once.
        roll = call(call(Roll(0.0), Looked(1.0, (last,))), Looked(2.0, (), dead=(7,)))
        assert len(roll.died) == 1
