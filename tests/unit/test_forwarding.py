"""What becomes of a message that the delay queue shows: hop by hop to its queue, never early."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.queues.delayed import WITHIN, Backlog, column, delayed
from ops.queues.forwarding import (
    HOLD_SECONDS,
    LONGEST_HIDE_SECONDS,
    RENEW_AFTER_SECONDS,
    Deliver,
    Hide,
    Hop,
    Refuse,
    Renew,
    hop,
    longest_delays,
)
from worker.delays import LONGEST_DELAY_SECONDS, Waiting
from worker.fleet import Fleet

NOW = 1_800_000_000.0
HOUR = 3600.0
DAY = 86_400.0
LONGEST = {"mail": 900, "brief": 30}
RETENTION_SECONDS = 14 * DAY
IN_FLIGHT_SECONDS = 12 * HOUR


def at(
    due_in_seconds: float, *, queue: str = "mail", age_seconds: float = 900, may_hide: bool = True
) -> Hop:
    waiting = Waiting(queue, "mail.send", "id-1", NOW + due_in_seconds)
    return hop(waiting, longest=LONGEST, sent=NOW - age_seconds, now=NOW, may_hide=may_hide)


@pytest.mark.parametrize(
    ("due_in_seconds", "expected"),
    [
        (-60.0, Deliver("mail", 0)),
        (0.5, Deliver("mail", 1)),
        (900.0, Deliver("mail", 900)),
        (901.0, Hide(1)),
        (2 * HOUR, Hide(int(2 * HOUR) - 900)),
        (30 * DAY, Hide(LONGEST_HIDE_SECONDS)),
    ],
)
def test_a_hop(due_in_seconds: float, expected: Hop) -> None:
    assert at(due_in_seconds) == expected


def test_a_queue_that_keeps_messages_briefly_gets_them_late() -> None:
    assert at(900.0, queue="brief") == Hide(870)
    assert at(30.0, queue="brief") == Deliver("brief", 30)


def test_without_room_for_more_in_flight_it_waits_as_a_copy() -> None:
    assert at(2 * HOUR, may_hide=False) == Renew(900)
    assert at(1000.0, may_hide=False) == Renew(100)


def test_what_gets_old_is_sent_anew() -> None:
    assert at(30 * DAY, age_seconds=RENEW_AFTER_SECONDS - DAY) == Hide(LONGEST_HIDE_SECONDS)
    assert at(30 * DAY, age_seconds=RENEW_AFTER_SECONDS) == Renew(900)


def test_a_task_for_a_queue_that_nobody_knows_waits_until_it_is_due() -> None:
    """A forwarder of an older manifest must not refuse what a newer one names."""
    assert at(HOUR, queue="new") == Hide(3600)
    assert at(-1, queue="new") == Refuse("UnknownQueue", "the manifest has no queue new")


@settings(deadline=None, max_examples=60)
@given(
    due_in=st.floats(0, 40 * DAY),
    lateness=st.lists(st.floats(0, 800), min_size=1, max_size=5),
    full=st.lists(st.booleans(), min_size=1, max_size=7),
    queue=st.sampled_from(("mail", "brief")),
)
def test_from_hop_to_hop_nothing_is_early_lost_or_beyond_sqs(
    due_in: float, lateness: list[float], full: list[bool], queue: str
) -> None:
    """Follow one task; each hop comes as late as a forwarder that was away, or had no room."""
    late_seconds = [min(late, LONGEST[queue] - 10) for late in lateness]
    waiting = Waiting(queue, "mail.send", "id-1", NOW + due_in)
    now, sent = NOW, NOW
    for count in range(10_000):
        found = hop(
            waiting, longest=LONGEST, sent=sent, now=now, may_hide=not full[count % len(full)]
        )
        if isinstance(found, Deliver):
            assert found.queue == queue
            assert 0 <= found.seconds <= LONGEST[queue]
            assert waiting.due <= now + found.seconds < waiting.due + 1
            return
        if isinstance(found, Renew):
            assert 1 <= found.seconds <= LONGEST_DELAY_SECONDS
            sent = now
        else:
            assert isinstance(found, Hide)
            assert 1 <= found.seconds <= IN_FLIGHT_SECONDS - HOLD_SECONDS
        now += found.seconds + late_seconds[count % len(late_seconds)]
        assert now - sent < RETENTION_SECONDS / 2 + DAY
    raise AssertionError("it never arrives")


def test_how_long_each_queue_delays_follows_from_its_retention() -> None:
    fleet = Fleet.model_validate(
        {
            "name": "media",
            "queues": {
                "mail": {"tasks": ["mail.*"]},
                "brief": {"tasks": ["brief.*"], "retention": "1m"},
            },
        }
    )
    assert longest_delays(fleet) == LONGEST


# -- counting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due_in_seconds", "expected"),
    [
        (-3.0, "past due"),
        (0.5, "15 min"),
        (900.0, "15 min"),
        (901.0, "1 h"),
        (3601.0, "6 h"),
        (7 * HOUR, "24 h"),
        (2 * DAY, "later"),
    ],
)
def test_the_column_of_a_task(due_in_seconds: float, expected: str) -> None:
    assert column(NOW + due_in_seconds, NOW) == expected
    assert expected in WITHIN


def test_what_waits_is_counted_by_task_and_time_and_the_rest_is_not_looked_at() -> None:
    items = [
        Waiting("mail", "mail.remind", "1", NOW + 2 * HOUR),
        Waiting("mail", "mail.remind", "2", NOW + 3 * HOUR),
        Waiting("mail", "mail.remind", "3", NOW + 9 * DAY),
        Waiting("video", "video.thumb", "4", NOW + HOUR),
    ]
    found = delayed(items, Backlog(visible=1, hidden=4, delayed=5), NOW)
    assert found.tasks == {
        ("mail.remind", "mail"): Counter({"6 h": 2, "later": 1}),
        ("video.thumb", "video"): Counter({"1 h": 1}),
    }
    assert found.unseen == 6
    assert found.as_data({"mail": 2})["in_own_queue"] == {"mail": 2}


def test_more_in_the_table_than_in_the_queue_is_no_negative_count() -> None:
    items = [Waiting("mail", "mail.remind", "1", NOW - 1)]
    assert delayed(items, Backlog(0, 0, 0), NOW).unseen == 0
