"""How a task that is due later is sent: never early, never further than SQS goes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.delays import (
    FARTHEST_SECONDS,
    LONGEST_DELAY_SECONDS,
    Delay,
    TooFarAhead,
    Waiting,
    check_due,
    delay,
    longest_delay_seconds,
)

NOW = 1_800_000_000.0
moments = st.floats(NOW, NOW + 2 * FARTHEST_SECONDS)
longest = st.integers(30, LONGEST_DELAY_SECONDS)


@pytest.mark.parametrize(
    ("due_in_seconds", "expected"),
    [
        (-5.0, Delay()),
        (0.0, Delay()),
        (0.25, Delay(1)),
        (1.0, Delay(1)),
        (1.25, Delay(2)),
        (900.0, Delay(900)),
        (900.25, Delay(1, waits=True)),
        (1000.0, Delay(100, waits=True)),
        (1800.0, Delay(900, waits=True)),
        (86_400.0, Delay(900, waits=True)),
    ],
)
def test_how_a_task_is_sent(due_in_seconds: float, expected: Delay) -> None:
    assert delay(NOW + due_in_seconds, NOW) == expected


def test_a_task_without_an_eta_is_sent_at_once() -> None:
    assert delay(None, NOW) == Delay()


@given(due=moments, longest=longest)
def test_what_goes_to_its_queue_is_never_early_and_less_than_a_second_late(
    due: float, longest: int
) -> None:
    sent = delay(due, NOW, longest)
    assert 0 <= sent.seconds <= LONGEST_DELAY_SECONDS
    if not sent.waits:
        assert sent.seconds <= longest
        assert due <= NOW + sent.seconds < due + 1


@given(due=moments, longest=longest)
def test_what_waits_is_shown_while_its_queue_can_still_take_it_in_time(
    due: float, longest: int
) -> None:
    """Whoever moves it on may be as late as its queue's longest delay, less the rounding."""
    sent = delay(due, NOW, longest)
    if sent.waits:
        assert sent.seconds >= 1
        shown_at = NOW + sent.seconds
        assert due - shown_at > longest - 1


@given(retention_seconds=st.integers(60, 13 * 86400))
def test_a_message_outlives_its_delay(retention_seconds: int) -> None:
    longest = longest_delay_seconds(retention_seconds)
    assert 0 < longest <= LONGEST_DELAY_SECONDS
    assert 2 * longest <= retention_seconds


def test_a_date_too_far_off_is_refused_with_a_remedy() -> None:
    check_due(None, NOW)
    check_due(NOW + FARTHEST_SECONDS, NOW)
    with pytest.raises(TooFarAhead) as refused:
        check_due(NOW + 400 * 86400, NOW)
    assert str(refused.value) == (
        "eta: expected at most 366 days from now, found 400: keep such a date in a database, and "
        "send the task when it is near"
    )


names = st.text(min_size=1, max_size=1024)


@given(queue=names, task=names, task_id=names, due=st.floats(0, 4e9))
def test_what_a_waiting_task_says_of_itself_is_read_back(
    queue: str, task: str, task_id: str, due: float
) -> None:
    waiting = Waiting(queue, task, task_id, due)
    assert Waiting.read(waiting.text()) == waiting


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(
    said=json_values
    | st.fixed_dictionaries(
        {key: json_values | st.just("x") for key in ("queue", "task", "id", "due")}
    )
)
def test_what_is_read_is_whole_whatever_is_on_the_wire(said: object) -> None:
    read = Waiting.read(json.dumps(said))
    if read is not None:
        assert math.isfinite(read.due)
        assert min(map(len, (read.queue, read.task, read.task_id))) > 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 5000,
        "7",
        '{"queue": "q", "task": "t", "id": "i"}',
        '{"queue": "q", "task": "t", "id": "i", "due": true}',
        '{"queue": "q", "task": "t", "id": "i", "due": 1e400}',
        '{"queue": "q", "task": "t", "id": "i", "due": NaN}',
        '{"queue": "q", "task": "t", "id": "i", "due": -1}',
        '{"queue": "", "task": "t", "id": "i", "due": 1}',
        '{"queue": "q", "task": "t", "id": "%s", "due": 1}' % ("i" * 1025),
        '{"queue": "q", "task": "t", "id": "i", "due": 1, "more": "%s"}' % ("x" * 20_000),
        '{"queue": "q", "task": "t", "id": "i", "due": %s}' % ("9" * 4000),
    ],
)
def test_what_is_not_ours_is_not_read(text: str) -> None:
    assert Waiting.read(text) is None
