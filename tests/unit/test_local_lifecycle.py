"""The lifecycle of the local AWS's instances, as tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from ops.local.lifecycle import (
    Hook,
    Life,
    NoActionError,
    Pool,
    Result,
    State,
    completed,
    gone,
    heartbeat,
    lapsed,
    launched,
    leaving,
    returning,
    serving,
)

CONTINUE, ABANDON = Result.CONTINUE, Result.ABANDON
JOIN = Hook("join", 300, ABANDON)
LEAVE = Hook("leave", 60, CONTINUE)
OTHER = Hook("other", 600, ABANDON)


def tokens() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"t{next(numbers)}"


def joining(*hooks: Hook) -> Life:
    return launched(hooks, 1000, tokens())


def going(*hooks: Hook) -> Life:
    return leaving(Life(State.IN_SERVICE), hooks, 1000, tokens())


def names(life: Life) -> list[str]:
    return [wait.hook.name for wait in life.waits]


@pytest.mark.parametrize(
    ("life", "state", "served", "ended"),
    [
        (joining(), State.PENDING, State.IN_SERVICE, State.PENDING),
        (joining(JOIN), State.PENDING_WAIT, State.PENDING_WAIT, State.PENDING_WAIT),
        (
            completed(joining(JOIN), "join", None, CONTINUE),
            State.PENDING_PROCEED,
            State.IN_SERVICE,
            State.PENDING_PROCEED,
        ),
        (going(), State.TERMINATING, State.TERMINATING, State.TERMINATED),
        (going(LEAVE), State.TERMINATING_WAIT, State.TERMINATING_WAIT, State.TERMINATING_WAIT),
        (
            completed(going(LEAVE), "leave", "t1", CONTINUE),
            State.TERMINATING_PROCEED,
            State.TERMINATING_PROCEED,
            State.TERMINATED,
        ),
    ],
)
def test_hooks_hold_an_instance_up_until_each_is_completed(
    life: Life, state: State, served: State, ended: State
) -> None:
    assert life.state is state
    assert serving(life).state is served
    assert gone(life).state is ended
    assert life.target == ("InService" if state.value.startswith("Pending") else "Terminated")


@pytest.mark.parametrize(
    ("result", "state", "left"),
    [(CONTINUE, State.TERMINATING_WAIT, ["other"]), (ABANDON, State.TERMINATING_PROCEED, [])],
)
def test_of_two_hooks_continue_leaves_the_other_and_abandon_ends_both(
    result: Result, state: State, left: list[str]
) -> None:
    life = completed(going(LEAVE, OTHER), "leave", None, result)
    assert (life.state, names(life)) == (state, left)


def test_an_abandoned_launch_goes_through_the_hooks_of_its_end() -> None:
    abandoned = completed(joining(JOIN, OTHER), "join", None, ABANDON)
    assert abandoned.abandoned
    assert not abandoned.waits
    life = leaving(abandoned, [LEAVE], 1000, tokens())
    assert (life.state, names(life), life.abandoned) == (State.TERMINATING_WAIT, ["leave"], False)


def test_who_leaves_already_does_not_begin_again() -> None:
    life = going(LEAVE)
    assert leaving(life, [LEAVE], 2000, tokens()) == life
    proceeding = completed(life, "leave", None, CONTINUE)
    assert leaving(proceeding, [LEAVE], 2000, tokens()) == proceeding


@pytest.mark.parametrize(
    ("hook", "now", "state"),
    [
        (JOIN, 1299.9, State.PENDING_WAIT),
        (JOIN, 1300, State.TERMINATING),
        (Hook("join", 300, CONTINUE), 1300, State.PENDING_PROCEED),
    ],
)
def test_a_wait_that_nobody_ends_comes_to_its_default(hook: Hook, now: float, state: State) -> None:
    assert lapsed(joining(hook), now).state is state


def test_only_the_wait_that_is_due_lapses() -> None:
    life = lapsed(going(LEAVE, OTHER), 1060)
    assert (life.state, names(life), life.due) == (State.TERMINATING_WAIT, ["other"], 1600)


def test_heartbeats_put_the_end_off_up_to_the_global_timeout() -> None:
    life = going(LEAVE)
    assert heartbeat(life, "leave", "t1", 1050).due == 1110
    assert lapsed(heartbeat(life, "leave", None, 1050), 1100).state is State.TERMINATING_WAIT
    assert heartbeat(life, "leave", None, 6990).due == 1000 + 100 * 60
    long = going(Hook("leave", 7200, CONTINUE))
    assert heartbeat(long, "leave", None, 173_000).due == 1000 + 172_800


@pytest.mark.parametrize(
    ("life", "hook", "token"),
    [
        (going(LEAVE), "join", None),
        (going(LEAVE), "leave", "t2"),
        (Life(State.IN_SERVICE), "leave", None),
        (completed(going(LEAVE), "leave", None, CONTINUE), "leave", "t1"),
    ],
)
def test_an_action_that_is_not_under_way_is_refused(
    life: Life, hook: str, token: str | None
) -> None:
    with pytest.raises(NoActionError):
        heartbeat(life, hook, token, 1001)
    with pytest.raises(NoActionError):
        completed(life, hook, token, CONTINUE)


def test_an_instance_of_the_pool_is_held_up_on_its_way_in_and_out() -> None:
    life = launched([JOIN], 1000, tokens(), Pool.STOPPED)
    assert (life.shown, life.target) == ("Warmed:Pending:Wait", "Warmed:Stopped")
    life = completed(life, "join", None, CONTINUE)
    assert (life.shown, life.warmed) == ("Warmed:Pending:Proceed", False)
    life = serving(life)
    assert (life.shown, life.target, life.warmed) == ("Warmed:Stopped", "Warmed:Stopped", True)
    again = serving(completed(launched([JOIN], 1000, tokens()), "join", None, CONTINUE))
    assert (again.shown, again.target) == ("InService", "InService")
    end = leaving(life, [LEAVE], 1000, tokens())
    assert (end.shown, end.target) == ("Warmed:Terminating:Wait", "Warmed:Terminated")
    assert gone(completed(end, "leave", None, CONTINUE)).shown == "Warmed:Terminated"


@pytest.mark.parametrize("result", [CONTINUE, ABANDON])
def test_what_returns_to_the_pool_waits_in_the_hooks_of_an_end(result: Result) -> None:
    life = returning([LEAVE], 1000, tokens(), Pool.RUNNING)
    assert (life.shown, life.target) == ("Warmed:Pending:Wait", "Warmed:Running")
    assert serving(completed(life, "leave", None, result)).shown == "Warmed:Running"


def test_a_launch_into_the_pool_that_is_abandoned_ends_there() -> None:
    life = completed(launched([JOIN], 1000, tokens(), Pool.STOPPED), "join", None, ABANDON)
    assert (life.shown, life.abandoned) == ("Warmed:Terminating", True)
    assert leaving(life, [LEAVE], 1000, tokens()).shown == "Warmed:Terminating:Wait"
