"""The engine on a strict SQS: deliveries, look-ahead. No Celery, real threads and HTTP."""

from __future__ import annotations

import time

import pytest

from tests.cloud.engine_bench import DEAD_LETTERS, QUEUE, Bench, bench, task_body, wait_for
from tests.sqs import Fault
from worker.outcomes import DONE, Outcome, Reason, Verdict
from worker.sqs.engine import ACKS_STUCK, DRAINING
from worker.sqs.ledger import Held

# -- what is delivered ------------------------------------------------------------------------


def test_a_delivery_carries_its_counts_and_times() -> None:
    with bench() as on:
        before = time.time()
        (message_id,) = on.send()
        (held,) = on.wait_delivered(1)
        assert (held.task, held.task_id, held.message_id) == ("work.do", "task-0", message_id)
        assert held.receives == 1
        assert before - 2 < held.sent_at_epoch_seconds < time.time() + 2


def test_junk_among_work_goes_to_the_dead_letters_with_its_reason() -> None:
    with bench() as on:
        on.run = on.finish
        on.send(2)
        on.send(2, body="no task")
        on.send(body='{"properties": {}}')
        on.send(body='{"headers": {}, "properties": {}, "content-type": []}')
        on.send(2)
        on.wait_empty()
        assert len(on.wait_delivered(4)) == 4
        assert [reason["class"] for reason in on.reasons()] == ["Undecodable"] * 4


def test_what_cannot_be_taken_goes_to_the_dead_letters() -> None:
    with bench() as on:

        def refuse(held: Held) -> None:
            raise RuntimeError("not this one")

        on.run = refuse
        on.send()
        on.wait_empty()
        (reason,) = on.reasons()
        assert (reason["class"], reason["message"]) == ("RuntimeError", "not this one")


@pytest.mark.parametrize(
    ("outcome", "waits_seconds"),
    [(Outcome.REQUEUED, 0), (Outcome.CHILD_DIED, 0), (Outcome.UNREGISTERED, 10)],
)
def test_what_is_given_back_comes_again_and_on_its_last_receive_is_a_dead_letter(
    outcome: Outcome, waits_seconds: int
) -> None:
    with bench(max_receives=2) as on:
        verdict = Verdict(outcome, Reason("Given", "back"))
        on.run = lambda held: on.settle(held, verdict)
        on.send()
        if waits_seconds:
            on.wait_delivered(1)
            wait_for(lambda: on.engine.acks.backlog == 0, "the message to be hidden")
            (hidden,) = on.sqs.peek(QUEUE)
            assert waits_seconds - 2 < hidden.due_in_seconds <= waits_seconds
            on.sqs.advance(waits_seconds)
        on.wait_empty()
        assert [held.receives for held in on.delivered] == [1, 2]
        (reason,) = on.reasons()
        assert (reason["class"], reason["message"]) == ("Given", "back")


def test_nothing_is_delivered_beyond_the_slots() -> None:
    with bench(slots=2) as on:
        on.send(5)
        on.wait_delivered(2)
        wait_for(lambda: on.engine.poller.open_polls == 0, "polls to end")
        assert (len(on.delivered), on.engine.ledger.occupied) == (2, 2)
        assert on.counts().visible == 3  # what no slot is free for is left for others
        on.engine.resize(3)
        on.wait_delivered(3)
        on.settle(on.delivered[0], DONE)
        on.wait_delivered(4)
        assert on.engine.ledger.occupied == 3


def test_a_task_acknowledged_at_its_start_keeps_its_slot() -> None:
    with bench(slots=1) as on:
        on.run = on.engine.delete_early
        on.send(2)
        (first,) = on.wait_delivered(1)
        wait_for(lambda: on.counts().deleted == 1, "the early delete")
        assert on.engine.ledger.occupied == 1
        assert on.counts().visible == 1
        on.loop.call_soon(lambda: on.engine.finished(first, DONE))
        on.wait_delivered(2)


# -- look-ahead and handing back ---------------------------------------------------------------


def _look_ahead(on: Bench) -> None:
    """Run fast tasks until there is a look-ahead, then have one slow task and some waiting."""
    on.run = on.finish
    while on.engine.poller.ahead < 7:  # a loaded machine may take a while to be fast
        on.send(5)
        on.wait_empty()
    on.run = lambda _: None
    on.send(8)
    wait_for(lambda: on.engine.ledger.buffered == 7, "a look-ahead")


def test_look_ahead_is_handed_back_when_tasks_turn_out_slow() -> None:
    with bench(slots=1, prefetch="auto") as on:
        _look_ahead(on)
        on.engine.tend(time.monotonic())
        assert on.engine.ledger.buffered == 7  # a moment's wait is what it is for
        on.engine.tend(time.monotonic() + 5)
        assert on.engine.ledger.buffered == 0
        wait_for(lambda: on.counts().visible == 7, "the look-ahead to be visible again")
        assert on.engine.ledger.occupied == 1


def test_a_hold_hands_back_what_an_open_poll_still_brings() -> None:
    with bench(poll="20s") as on:
        wait_for(lambda: on.counts().open_polls == 1, "an open poll")
        on.engine.poller.hold(DRAINING)
        on.send()
        wait_for(lambda: on.counts().received == 1, "the poll to bring it")
        wait_for(lambda: on.counts().visible == 1, "the message to be handed back", 5)
        assert on.delivered == []
        assert on.engine.poller.open_polls == 0
        on.engine.poller.release(DRAINING)
        on.wait_delivered(1)


def test_a_last_receive_is_run_rather_than_handed_back() -> None:
    """Handed back, the next receive would put it into the dead-letter queue unrun."""
    with bench(poll="20s", max_receives=2) as on:
        wait_for(lambda: on.counts().open_polls == 1, "an open poll")
        on.engine.poller.hold(DRAINING)
        on.send()
        on.sqs.wait_for(QUEUE, lambda counts: counts.visible == 1 and counts.received == 1)
        on.engine.poller.release(DRAINING)
        (held,) = on.wait_delivered(1)
        assert held.receives == 2
        assert not on.engine.spare(held)
        on.engine.under_spot_deadline()
        assert on.engine.spare(held)


def test_what_is_cut_off_is_handed_back_at_once() -> None:
    with bench(slots=2) as on:
        on.send(2)
        held = list(on.wait_delivered(2))
        on.engine.poller.hold(DRAINING)
        on.engine.cut_off(held, Reason("CutOff", "ended"))
        assert on.engine.acks.flush(10)
        assert on.counts().visible == 2
        assert on.engine.ledger.held() == []


def test_receiving_stops_while_nothing_gets_acknowledged() -> None:
    with bench(slots=1) as on:
        fault = on.sqs.add_fault(Fault("status", status=503, actions=("DeleteMessageBatch",)))
        on.send()
        (held,) = on.wait_delivered(1)
        on.settle(held, DONE)
        wait_for(lambda: on.sqs.struck(fault) >= 1, "a delete that fails")
        wait_for(lambda: on.engine.acks.stuck(time.monotonic() + 6), "it to wait for its next try")
        on.engine.tend(time.monotonic() + 6)
        assert on.engine.poller.held_by == {ACKS_STUCK}
        on.sqs.clear_faults()
        on.wait_empty()
        on.engine.tend(time.monotonic())
        assert on.engine.poller.held_by == frozenset()
        on.send(body=task_body("after"))
        on.wait_delivered(2)
        assert on.sqs.counts(DEAD_LETTERS).present == 0
