"""The engine's polling on a strict SQS: never asleep while work waits, never asking while full."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tests.cloud.engine_bench import QUEUE, Bench, bench, wait_for
from tests.sqs import Fault
from tests.sqs.control import CallRecord

RECEIVE = ("ReceiveMessage",)


def _receives(on: Bench) -> list[CallRecord]:
    return [call for call in on.sqs.call_records() if call.action == "ReceiveMessage"]


def test_an_idle_worker_holds_one_long_poll_after_the_other() -> None:
    """With ``poll`` at 20 s these are three calls a minute; here a second stands for twenty."""
    with bench(slots=8) as on:
        wait_for(lambda: on.counts().open_polls == 1, "the first poll")
        on.sqs.record_calls()
        began = time.monotonic()
        wait_for(lambda: len(_receives(on)) >= 3, "three polls")
        took = time.monotonic() - began
        records = _receives(on)
        assert len(records) <= took + 1
        assert all(call.seconds > 0.9 for call in records[1:])
        # One at a time: each begins when the one before it has ended.
        for one, after in pairwise(records):
            assert after.started_at >= one.started_at + one.seconds - 0.01
        assert on.counts().open_polls <= 1


def test_the_first_poll_is_short_so_that_a_worker_of_an_empty_queue_is_soon_ready() -> None:
    with bench(poll="20s", start=False) as on:
        on.sqs.record_calls()
        on.engine.start(2)
        wait_for(lambda: on.engine.poller.last_success is not None, "an answer")
        # It has been answered and not hung up on: a long one would take twenty.
        assert _receives(on)[0].seconds < 10


def test_an_open_poll_brings_a_message_at_once() -> None:
    with bench(poll="20s") as on:
        on.run = on.finish
        for count in range(1, 3):
            wait_for(lambda: on.counts().open_polls == 1, "an open poll")
            began = time.monotonic()
            on.send()
            on.wait_delivered(count)
            assert time.monotonic() - began < 5


def test_a_full_worker_does_not_poll_and_asks_again_when_a_slot_frees() -> None:
    with bench(slots=2) as on:
        on.send(6)
        first, _ = on.wait_delivered(2)
        wait_for(lambda: on.engine.poller.open_polls == 0, "polls to end")
        before = on.requests("ReceiveMessage")
        time.sleep(1.0)  # nothing is to happen: there is nothing to wait for
        assert on.requests("ReceiveMessage") == before
        on.finish(first)
        on.wait_delivered(3)


def test_a_deep_queue_has_more_than_one_poll_open_and_at_most_four() -> None:
    with bench(slots=60) as on:
        on.sqs.delay(0.1, RECEIVE)
        on.sqs.record_calls()
        on.run = on.finish
        on.send(300)
        on.wait_empty()
        records = _receives(on)
        at_once = [
            sum(
                other.started_at <= call.started_at < other.started_at + other.seconds
                for other in records
            )
            for call in records
        ]
        assert 2 <= max(at_once) <= 4
        assert len(on.delivered) == on.counts().received == 300


def test_one_message_at_a_time_is_asked_for_where_there_is_one_slot() -> None:
    with bench(slots=1) as on:
        on.run = on.finish
        on.send(8)
        on.wait_empty()
        calls = on.sqs.calls()
        assert calls.requests("ReceiveMessage", QUEUE) <= 8 + 2
        assert [held.receives for held in on.delivered] == [1] * 8


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=503, actions=RECEIVE, calls=3),
        Fault("status", status=408, with_body=False, actions=RECEIVE, calls=3),
        Fault("error", code="InvalidClientTokenId", actions=RECEIVE, calls=3),
    ],
    ids=lambda fault: str(fault.status or fault.code),
)
def test_polling_goes_on_after_a_fault_and_does_not_hammer(fault: Fault) -> None:
    with bench(start=False) as on:
        on.run = on.finish
        number = on.sqs.add_fault(fault)
        began = time.monotonic()
        on.engine.start(2)
        wait_for(lambda: on.sqs.struck(number) == 3, "three failures")
        # 0.1 and 0.2 s at least lie between three attempts.
        assert time.monotonic() - began >= 0.3
        on.send()
        on.wait_empty()
        assert len(on.delivered) == 1
        assert on.engine.poller.errors_total == 3
        assert on.engine.poller.last_error is not None


@pytest.mark.parametrize("kind", ["malformed", "reset"])
def test_messages_in_an_answer_that_was_lost_come_again_after_the_lease(kind: str) -> None:
    with bench(start=False) as on:
        on.run = on.finish
        on.sqs.add_fault(Fault(kind, actions=RECEIVE, calls=1))  # type: ignore[arg-type]
        on.send()
        on.engine.start(2)
        wait_for(lambda: on.counts().received == 1, "the message to be received")
        on.sqs.advance(5)
        on.wait_empty()
        assert [held.receives for held in on.delivered] == [2]


def test_a_refused_connection_is_no_end() -> None:
    with bench() as on:
        on.sqs.configure(hang_up_hides=False)  # else the poll that is reset may take the message
        on.run = on.finish
        wait_for(lambda: on.counts().open_polls == 1, "an open poll")
        on.sqs.refuse_connections(1.0)
        wait_for(lambda: on.engine.poller.errors_total >= 2, "polls that are refused")
        on.sqs.accept_connections()
        on.send()
        on.wait_empty()
        assert on.engine.poller.last_success is not None


def test_a_hold_opens_no_poll_until_every_reason_is_gone() -> None:
    with bench(start=False) as on:
        on.engine.poller.hold("one")
        on.engine.poller.hold("two")
        on.engine.start(2)
        on.send()
        on.engine.poller.release("one")
        time.sleep(0.5)  # nothing is to happen: there is nothing to wait for
        assert on.requests("ReceiveMessage") == 0
        assert on.engine.poller.held_by == {"two"}
        on.engine.poller.release("two")
        on.wait_delivered(1)
